//! The layers' kernels, and the shapes of their launches.

use cudarc::driver::{DeviceRepr, LaunchConfig};

use super::fit::Sizes;
use crate::device::cuda::module::{Kernel, Module, THREADS, blocks, kernel};

pub(super) const IM2COL: &Kernel = &kernel!("sam_im2col");
pub(super) const COL2IM: &Kernel = &kernel!("sam_col2im");
pub(super) const ADD_UP: &Kernel = &kernel!("sam_add_up");
pub(super) const MOMENTS: &Kernel = &kernel!("sam_moments");
pub(super) const FINISH_MOMENTS: &Kernel = &kernel!("sam_finish_moments");
pub(super) const NORMALIZE: &Kernel = &kernel!("sam_normalize");
pub(super) const NORM_SUMS: &Kernel = &kernel!("sam_norm_sums");
pub(super) const FINISH_NORM_SUMS: &Kernel = &kernel!("sam_finish_norm_sums");
pub(super) const NORM_BACK: &Kernel = &kernel!("sam_norm_back");
pub(super) const ADD_BIAS: &Kernel = &kernel!("sam_add_bias");
pub(super) const CUT: &Kernel = &kernel!("sam_cut");
pub(super) const ADD_ROWS: &Kernel = &kernel!("sam_add_rows");
pub(super) const POOL: &Kernel = &kernel!("sam_pool");
pub(super) const POOL_BACK: &Kernel = &kernel!("sam_pool_back");
pub(super) const MEAN: &Kernel = &kernel!("sam_mean");
pub(super) const MEAN_BACK: &Kernel = &kernel!("sam_mean_back");
pub(super) const SUBSAMPLE: &Kernel = &kernel!("sam_subsample");
pub(super) const SUBSAMPLE_BACK: &Kernel = &kernel!("sam_subsample_back");

pub(super) static LAYERS: Module = Module {
    name: "sam_layers",
    ptx: include_str!(concat!(env!("OUT_DIR"), "/layers.ptx")),
    kernels: &[
        IM2COL,
        COL2IM,
        ADD_UP,
        MOMENTS,
        FINISH_MOMENTS,
        NORMALIZE,
        NORM_SUMS,
        FINISH_NORM_SUMS,
        NORM_BACK,
        ADD_BIAS,
        CUT,
        ADD_ROWS,
        POOL,
        POOL_BACK,
        MEAN,
        MEAN_BACK,
        SUBSAMPLE,
        SUBSAMPLE_BACK,
    ],
};

/// Queues a kernel for elements of a type, with these parameters.
macro_rules! queue {
    ($gpu:expr, $kernel:expr, $E:ty, $config:expr, $parameters:expr) => {{
        let function = $crate::device::cuda::layers::launch::LAYERS
            .function::<$E>(&$gpu.driver, $kernel)?;
        // SAFETY: the parameters are those of the kernel in layers.cu, in number and type. Their addresses
        // are those of tensors and gradients that live here, of the sizes that were checked; what is freed
        // later is freed on the same stream.
        unsafe { cudarc::driver::LaunchAsync::launch(function, $config, $parameters) }
            .map_err(dfdx::tensor::CudaError::from)
    }};
}
pub(super) use queue;

/// `Sliding` in layers.cu: a window that moves over images.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Sliding {
    pub(super) channels: u32,
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) down: u32,
    pub(super) across: u32,
    pub(super) size: u32,
    pub(super) stride: u32,
    pub(super) padding: u32,
    pub(super) dilation: u32,
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for Sliding {}

/// What a grid may have along y and z.
pub(super) const MOST: usize = 65535;

/// Threads side by side for the positions of a channel, the channels along y, samples along z.
pub(super) fn each(sizes: Sizes) -> LaunchConfig {
    let threads = sizes.positions.next_multiple_of(32).min(THREADS);
    LaunchConfig {
        grid_dim: (
            sizes.positions.div_ceil(threads),
            sizes.channels,
            sizes.batch.min(MOST as u32),
        ),
        block_dim: (threads, 1, 1),
        shared_mem_bytes: 0,
    }
}

/// Threads for `len` elements of any kind, some for each.
pub(super) fn all(len: usize) -> LaunchConfig {
    let count = len.div_ceil(4 * THREADS as usize).clamp(1, 4096);
    blocks(count as u32, 1)
}

/// Blocks for the sums of each channel: enough for a card, and not more than there is to add.
pub(super) fn sums(sizes: Sizes) -> LaunchConfig {
    let for_each = (sizes.batch as usize * sizes.positions as usize).div_ceil(THREADS as usize);
    let wanted = 1024_usize.div_ceil(sizes.channels as usize);
    blocks(for_each.min(wanted).max(1) as u32, sizes.channels)
}
