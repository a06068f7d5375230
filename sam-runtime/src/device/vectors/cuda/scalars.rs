//! Numbers in the memory of a GPU that go from kernel to kernel.

use std::sync::Arc;

use cudarc::driver::{CudaDevice, CudaSlice, DevicePtr, DeviceSlice};
use dfdx::tensor::CudaError;

use crate::device::vectors::DeviceScalars;

/// Some `f64`s in the memory of a GPU.
pub(super) struct GpuScalars(CudaSlice<f64>);

impl GpuScalars {
    pub(super) fn zeros(device: &Arc<CudaDevice>, len: usize) -> Result<Self, CudaError> {
        Ok(Self(device.alloc_zeros(len)?))
    }
}

impl DeviceScalars for GpuScalars {
    fn address(&self) -> u64 {
        *self.0.device_ptr()
    }

    fn read(&self) -> Vec<f64> {
        let read = self.0.device().dtoh_sync_copy(&self.0);
        read.unwrap_or_else(|_| vec![f64::NAN; self.0.len()])
    }
}
