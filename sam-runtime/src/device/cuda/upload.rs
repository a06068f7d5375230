//! Copies to the card on a stream of their own, beside the one on which it computes: while a step runs,
//! the next batch is on its way. From pinned memory, the only one that the card fetches without the host.

use std::{
    ptr, slice,
    sync::{Arc, Mutex, PoisonError},
};

use cudarc::driver::{
    CudaDevice, CudaSlice, CudaStream, DevicePtr, DriverError,
    result::{event, memcpy_dtod_async, memcpy_htod_async, stream},
    sys,
};
use dfdx::{
    shapes::{HasShape, Shape},
    tensor::{Cuda, CudaError, Tensor, ZerosTensor},
};

use super::{arguments::fits, gpu::Gpu};
use crate::doors::gpu_memory::address;

/// Sends numbers to a card.
pub(in crate::device) struct Upload {
    driver: Arc<CudaDevice>,
    stream: CudaStream,
    free: Arc<Mutex<Vec<Slot>>>,
}

// SAFETY: the driver's functions may be called from any thread that has the context bound, which each
// function here sees to.
unsafe impl Send for Upload {}

/// Numbers on their way to a card.
pub(in crate::device) struct Sent {
    slot: Option<Slot>,
    len: usize,
    free: Arc<Mutex<Vec<Slot>>>,
}

/// Memory for one batch at both ends, used again and again.
struct Slot {
    driver: Arc<CudaDevice>,
    pinned: *mut f32,
    room: usize,
    there: CudaSlice<f32>,
    /// The card has all of it.
    arrived: sys::CUevent,
    /// It was copied out of `there`.
    taken: sys::CUevent,
}

// SAFETY: as for `Upload`; the memory belongs to the slot alone.
unsafe impl Send for Slot {}

impl Upload {
    pub(in crate::device) fn new(device: &Cuda) -> Result<Self, CudaError> {
        let driver = Gpu::of(device)?.driver.clone();
        let stream = driver.fork_default_stream()?;
        Ok(Self {
            driver,
            stream,
            free: Arc::default(),
        })
    }

    /// Has `values` sent, and comes back before they have arrived.
    pub(in crate::device) fn send(&self, values: &[f32]) -> Result<Sent, CudaError> {
        self.driver.bind_to_thread()?;
        let slot = match self.slot(values.len()) {
            Some(slot) => slot,
            None => Slot::new(&self.driver, values.len())?,
        };
        // SAFETY: the slot has room for them at both ends, and nobody else has the slot. What it held last
        // has arrived before it is written over here, and was taken before it is written over there.
        unsafe {
            sys::cuEventSynchronize(slot.arrived).result()?;
            ptr::copy_nonoverlapping(values.as_ptr(), slot.pinned, values.len());
            let on = self.stream.stream;
            stream::wait_event(on, slot.taken, NO_FLAGS)?;
            let from = slice::from_raw_parts(slot.pinned, values.len());
            memcpy_htod_async(*slot.there.device_ptr(), from, on)?;
            event::record(slot.arrived, on)?;
        }
        Ok(Sent {
            slot: Some(slot),
            len: values.len(),
            free: self.free.clone(),
        })
    }

    /// A slot that is free, and large enough.
    fn slot(&self, len: usize) -> Option<Slot> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free.iter().position(|slot| slot.room >= len)?;
        Some(free.swap_remove(at))
    }
}

const NO_FLAGS: sys::CUevent_wait_flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;

impl Sent {
    /// The tensor of what was sent, with as many elements. The card waits for it, not the host.
    pub(in crate::device) fn receive<S: Shape>(
        mut self,
        device: &Cuda,
        shape: S,
    ) -> Result<Tensor<S, f32, Cuda>, CudaError> {
        let tensor = device.try_zeros_like(&shape)?;
        fits(tensor.shape().num_elements() == self.len)?;
        if let Some(slot) = self.slot.take() {
            slot.driver.bind_to_thread()?;
            let on = *slot.driver.cu_stream();
            let bytes = self.len * size_of::<f32>();
            // SAFETY: both ends have this length; the stream that computes waits for the one that sends,
            // and the slot remembers when it was copied out of.
            unsafe {
                stream::wait_event(on, slot.arrived, NO_FLAGS)?;
                memcpy_dtod_async(address(&tensor), *slot.there.device_ptr(), bytes, on)?;
                event::record(slot.taken, on)?;
            }
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.push(slot);
        }
        Ok(tensor)
    }
}

impl Slot {
    fn new(driver: &Arc<CudaDevice>, room: usize) -> Result<Self, DriverError> {
        let create = || event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING);
        // SAFETY: the memory is written before it is read, at both ends.
        unsafe {
            let there = driver.alloc(room)?;
            let mut pinned = ptr::null_mut();
            sys::cuMemAllocHost_v2(&mut pinned, room.max(1) * size_of::<f32>()).result()?;
            let slot = Self {
                driver: driver.clone(),
                pinned: pinned.cast(),
                room,
                there,
                arrived: create()?,
                taken: create()?,
            };
            // The memory there begins to be on the stream that computes.
            event::record(slot.taken, *driver.cu_stream())?;
            Ok(slot)
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Nothing can be done about an error here; the driver frees all at the program's end.
        let _ = self.driver.bind_to_thread();
        // SAFETY: what was sent has arrived before the memory that it came from is freed. `there` is freed
        // on the stream that computes, which may not have seen it arrive: so the host waits.
        unsafe {
            let _ = sys::cuEventSynchronize(self.arrived).result();
            let _ = sys::cuMemFreeHost(self.pinned.cast()).result();
            let _ = event::destroy(self.arrived);
            let _ = event::destroy(self.taken);
        }
    }
}

/// These need a GPU.
#[cfg(all(test, not(feature = "ci-check")))]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    #[test]
    fn what_is_sent_arrives_in_order() {
        let dev = Cuda::default();
        let upload = Upload::new(&dev).unwrap();
        let batch = |i: usize| -> Vec<f32> { (0..1000).map(|j| (i * 1000 + j) as f32).collect() };
        let mut ahead = upload.send(&batch(0)).unwrap();
        for i in 0..8 {
            let now = std::mem::replace(&mut ahead, upload.send(&batch(i + 1)).unwrap());
            let t = now.receive(&dev, (10, 100)).unwrap();
            assert_eq!(t.as_vec(), batch(i));
        }
        assert!(ahead.receive(&dev, (10, 99)).is_err());
        drop(upload.send(&[1.0, 2.0]).unwrap());
    }
}
