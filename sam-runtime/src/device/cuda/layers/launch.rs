//! The layers' kernels, and the shapes of their launches.

use cudarc::driver::{DeviceRepr, LaunchConfig};

use super::fit::Sizes;
use crate::device::cuda::module::{THREADS, blocks, kernels};

kernels! { "layers":
    IM2COL = "sam_im2col",
    COL2IM = "sam_col2im",
    ADD_UP = "sam_add_up",
    MOMENTS = "sam_moments",
    FINISH_MOMENTS = "sam_finish_moments",
    NORMALIZE = "sam_normalize",
    NORM_SUMS = "sam_norm_sums",
    FINISH_NORM_SUMS = "sam_finish_norm_sums",
    NORM_BACK = "sam_norm_back",
    ADD_BIAS = "sam_add_bias",
    CUT = "sam_cut",
    ADD_ROWS = "sam_add_rows",
    POOL = "sam_pool",
    POOL_BACK = "sam_pool_back",
    MEAN = "sam_mean",
    MEAN_BACK = "sam_mean_back",
    SUBSAMPLE = "sam_subsample",
    SUBSAMPLE_BACK = "sam_subsample_back",
}

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
