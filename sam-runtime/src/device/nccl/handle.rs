use std::{
    ffi::c_int,
    mem::MaybeUninit,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use cudarc::{
    driver::{
        CudaDevice,
        sys::{CUdeviceptr, CUresult, cuStreamQuery},
    },
    nccl::{
        result::{self, NcclError, NcclStatus},
        sys::{
            cudaStream_t, ncclComm_t, ncclCommGetAsyncError, ncclDataType_t, ncclRedOp_t,
            ncclResult_t, ncclUniqueId,
        },
    },
};

use super::words::{ID, said};

/// Between looks whether what is queued is done: short beside a step, and long enough to leave the core to others.
const PAUSE: Duration = Duration::from_micros(20);

/// What NCCL has of a rank. None where the rank has given up.
pub(super) struct Handle {
    comm: Mutex<Option<Comm>>,
    driver: Arc<CudaDevice>,
}

struct Comm(ncclComm_t);

// SAFETY: NCCL lets any thread call, one at a time, which the lock sees to.
unsafe impl Send for Comm {}

/// NCCL and the stream, within a group of calls.
pub(super) struct Call<'a> {
    pub(super) comm: ncclComm_t,
    pub(super) stream: cudaStream_t,
    _locked: &'a Comm,
}

impl Handle {
    pub(super) fn new(
        driver: Arc<CudaDevice>,
        rank: usize,
        size: usize,
        id: [u8; ID],
    ) -> Result<Self, String> {
        let number = |number: usize| c_int::try_from(number).map_err(|error| error.to_string());
        let (rank, size) = (number(rank)?, number(size)?);
        // NCCL takes the card that is current.
        driver.bind_to_thread().map_err(super::words)?;
        let id = ncclUniqueId {
            internal: id.map(|byte| byte as _),
        };
        let mut comm = MaybeUninit::new(std::ptr::null_mut());
        // SAFETY: there is room for a communicator.
        let made = unsafe { result::comm_init_rank(comm.as_mut_ptr(), size, id, rank) };
        said(made, std::ptr::null_mut())?;
        // SAFETY: it was written before the call, and by it.
        let comm = Comm(unsafe { comm.assume_init() });
        Ok(Self {
            comm: Mutex::new(Some(comm)),
            driver,
        })
    }

    /// Has NCCL queue all that `calls` asks for, as one.
    pub(super) fn in_group(
        &self,
        calls: impl FnOnce(&Call<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let comm = self.comm.lock().unwrap_or_else(PoisonError::into_inner);
        let locked = comm.as_ref().ok_or("this rank has given up before")?;
        self.driver.bind_to_thread().map_err(super::words)?;
        let call = Call {
            comm: locked.0,
            stream: (*self.driver.cu_stream()).cast(),
            _locked: locked,
        };
        call.says(result::group_start())?;
        let asked = calls(&call);
        // Also after an error: what this thread asks for later would never begin.
        let queued = call.says(result::group_end());
        asked.and(queued)
    }

    /// Waits for all that is queued on the stream. Where NCCL has noticed that another rank is gone, it gives up: what waits for
    /// that one would wait for ever.
    pub(super) fn wait(&self) -> Result<(), String> {
        self.driver.bind_to_thread().map_err(super::words)?;
        loop {
            // SAFETY: the stream is that of the device, which is there.
            match unsafe { cuStreamQuery(*self.driver.cu_stream()) } {
                CUresult::CUDA_SUCCESS => return Ok(()),
                CUresult::CUDA_ERROR_NOT_READY => {}
                error => return error.result().map_err(super::words),
            }
            let mut comm = self.comm.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(Comm(known)) = *comm else {
                return Err("this rank has given up before".to_owned());
            };
            let mut state = ncclResult_t::ncclSuccess;
            // SAFETY: the communicator is there, and room for a result.
            let asked = unsafe { ncclCommGetAsyncError(known, &mut state) };
            let fine = said(asked.result(), known).and_then(|()| said(state.result(), known));
            if let Err(error) = fine {
                give_up(&mut comm);
                return Err(error);
            }
            drop(comm);
            thread::sleep(PAUSE);
        }
    }
}

impl Call<'_> {
    pub(super) fn says(&self, result: Result<NcclStatus, NcclError>) -> Result<(), String> {
        said(result, self.comm)
    }

    /// # Safety
    /// So many such numbers are at this address, until the stream comes to free them.
    pub(super) unsafe fn all_reduce(
        &self,
        at: CUdeviceptr,
        len: usize,
        number: ncclDataType_t,
        op: ncclRedOp_t,
    ) -> Result<(), String> {
        let (from, into) = (at as *const _, at as *mut _);
        // SAFETY: the caller says so; sums may be where the numbers are.
        self.says(unsafe {
            result::all_reduce(from, into, len, number, op, self.comm, self.stream)
        })
    }
}

/// Leaves without a word: NCCL's abort is what waits for no other rank.
fn give_up(comm: &mut Option<Comm>) {
    if let Some(Comm(comm)) = comm.take() {
        // SAFETY: it is there, and nobody has it from now on. If that fails, there is nothing left to do.
        let _ = unsafe { result::comm_abort(comm) };
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // What is queued would be cut off. But a panic waits for nothing: other ranks may never come to it.
        if !thread::panicking() {
            let _ = self.wait();
        }
        let _ = self.driver.bind_to_thread();
        let comm = self.comm.get_mut();
        give_up(comm.unwrap_or_else(PoisonError::into_inner));
    }
}
