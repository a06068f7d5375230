//! GPUs that speak to each other, by NVIDIA's NCCL, on dfdx's stream.
//!
//! | file | what |
//! |---|---|
//! | `handle` | what NCCL has of a rank, and its calls |
//! | `words` | what NCCL says to a call |
//!
//! cudarc's own `Comm` is not used: its sum wants two buffers, and it is given up without a wait.
#![allow(unsafe_code)]

mod handle;
mod words;

use std::{ffi::c_int, sync::Arc};

use cudarc::{
    driver::{CudaDevice, CudaSlice, DevicePtr, DevicePtrMut, result::DriverError},
    nccl::{
        NcclType, result,
        sys::{ncclDataType_t::ncclUint8, ncclRedOp_t},
    },
};
use dfdx::tensor::Cuda;

use self::handle::Handle;
pub(crate) use self::words::{ID, new_id};
use super::vectors::DeviceRange;
use crate::doors::gpu_memory::{context, driver};

/// One of several ranks, each with a card of its own. All ranks call the same in the same order.
pub(crate) struct Communicator {
    handle: Handle,
    driver: Arc<CudaDevice>,
    context: u64,
    rank: usize,
    size: usize,
}

impl Communicator {
    /// Waits for all ranks of this id.
    pub(crate) fn new(
        device: &Cuda,
        rank: usize,
        size: usize,
        id: [u8; ID],
    ) -> Result<Self, String> {
        let driver = driver(device).map_err(|error| error.to_string())?;
        Ok(Self {
            handle: Handle::new(driver.clone(), rank, size, id)?,
            driver,
            context: context(device),
            rank,
            size,
        })
    }

    pub(crate) fn rank(&self) -> usize {
        self.rank
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Whether it is for the memory of `device`.
    pub(crate) fn is_of(&self, device: &Cuda) -> bool {
        context(device) == self.context
    }

    /// Queues that the numbers in `ranges` become their means over the ranks. What this rank `has` becomes what one of them has;
    /// only a rank that lacks something waits for that.
    pub(crate) fn mean<E: NcclType>(
        &self,
        ranges: &[DeviceRange],
        has: &mut [bool],
    ) -> Result<(), String> {
        if has.is_empty() {
            return Ok(());
        }
        let mut said = self.up(has.iter().map(|has| u8::from(*has)).collect())?;
        let flags = *said.device_ptr_mut();
        self.handle.in_group(|call| {
            for range in ranges.iter().filter(|range| range.len > 0) {
                let number = E::as_nccl_type();
                // SAFETY: the caller holds the memory until this is queued, and what is freed later is freed on the same stream.
                unsafe { call.all_reduce(range.x, range.len, number, ncclRedOp_t::ncclAvg) }?;
            }
            // SAFETY: the memory is there until `said` is freed, on the same stream.
            unsafe { call.all_reduce(flags, has.len(), ncclUint8, ncclRedOp_t::ncclMax) }
        })?;
        if has.contains(&false) {
            let mut all = vec![0; has.len()];
            self.down(&said, &mut all)?;
            has.iter_mut()
                .zip(all)
                .for_each(|(has, any)| *has = any != 0);
        }
        Ok(())
    }

    pub(crate) fn all_gather(&self, send: &[u8], receive: &mut [u8]) -> Result<(), String> {
        if send.is_empty() {
            return Ok(());
        }
        let from = self.up(send.to_vec())?;
        let mut to = self.room(receive.len())?;
        let (from, into) = (*from.device_ptr(), *to.device_ptr_mut());
        self.handle.in_group(|call| {
            // SAFETY: as in `mean`; `to` has room for what all ranks send.
            call.says(unsafe {
                result::all_gather(
                    from as *const _,
                    into as *mut _,
                    send.len(),
                    ncclUint8,
                    call.comm,
                    call.stream,
                )
            })
        })?;
        self.down(&to, receive)
    }

    /// `bytes` become those of rank 0.
    pub(crate) fn broadcast(&self, bytes: &mut [u8]) -> Result<(), String> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut there = self.up(bytes.to_vec())?;
        let at = *there.device_ptr_mut();
        self.handle.in_group(|call| {
            // SAFETY: as in `mean`; in place.
            call.says(unsafe {
                result::broadcast(
                    at as *const _,
                    at as *mut _,
                    bytes.len(),
                    ncclUint8,
                    0,
                    call.comm,
                    call.stream,
                )
            })
        })?;
        self.down(&there, bytes)
    }

    /// `send` is cut into equal parts, one for each rank.
    pub(crate) fn all_to_all(&self, send: &[u8], receive: &mut [u8]) -> Result<(), String> {
        let part = send.len() / self.size;
        if part == 0 {
            return Ok(());
        }
        let from = self.up(send.to_vec())?;
        let mut to = self.room(receive.len())?;
        let (from, into) = (*from.device_ptr(), *to.device_ptr_mut());
        self.handle.in_group(|call| {
            for other in 0..self.size {
                let at = (other * part) as u64;
                let (from, into, peer) = (from + at, into + at, other as c_int);
                // SAFETY: as in `mean`; both have as many parts as there are ranks.
                call.says(unsafe {
                    result::send(
                        from as *const _,
                        part,
                        ncclUint8,
                        peer,
                        call.comm,
                        call.stream,
                    )
                })?;
                // SAFETY: as above.
                call.says(unsafe {
                    result::recv(
                        into as *mut _,
                        part,
                        ncclUint8,
                        peer,
                        call.comm,
                        call.stream,
                    )
                })?;
            }
            Ok(())
        })?;
        self.down(&to, receive)
    }

    /// Waits for all that is queued.
    pub(crate) fn wait(&self) -> Result<(), String> {
        self.handle.wait()
    }

    /// Bytes on their way to the card.
    fn up(&self, bytes: Vec<u8>) -> Result<CudaSlice<u8>, String> {
        self.driver.htod_copy(bytes).map_err(words)
    }

    /// Memory that is written before it is read.
    fn room(&self, len: usize) -> Result<CudaSlice<u8>, String> {
        // SAFETY: what is received is written there, and then read.
        unsafe { self.driver.alloc(len) }.map_err(words)
    }

    /// Waits for all that is queued, and reads.
    fn down(&self, from: &CudaSlice<u8>, into: &mut [u8]) -> Result<(), String> {
        self.handle.wait()?;
        self.driver.dtoh_sync_copy_into(from, into).map_err(words)
    }
}

fn words(error: DriverError) -> String {
    error.to_string()
}
