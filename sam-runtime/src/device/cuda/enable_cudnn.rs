//! Whether cuDNN does the convolutions.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static ENABLED: AtomicBool = AtomicBool::new(true);

/// With the feature `cudnn`: has cuDNN do the convolutions that are computed from now on, and their gradients, as it does at
/// first; or else the kernels here and cuBLAS. Without the feature nothing changes. PyTorch's counterpart is
/// `torch.backends.cudnn.enabled`.
///
/// ```
/// use sam_runtime::device;
///
/// device::enable_cudnn(false);
/// assert!(!device::is_cudnn_enabled());
/// # device::enable_cudnn(true);
/// ```
pub fn enable_cudnn(enabled: bool) {
    ENABLED.store(enabled, Relaxed);
}

/// Whether cuDNN is to do the convolutions, where it is there: see [`enable_cudnn`].
pub fn is_cudnn_enabled() -> bool {
    ENABLED.load(Relaxed)
}
