//! The shapes of launches.

use cudarc::driver::LaunchConfig;

use super::arguments::Sizes;
use crate::device::cuda::module::{THREADS, blocks};

/// What a grid may have along y and z.
pub(in crate::device) const MOST: usize = 65535;

/// Threads side by side for the positions of a channel, the channels along y, samples along z.
pub(in crate::device) fn each(sizes: Sizes) -> LaunchConfig {
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
pub(in crate::device) fn all(len: usize) -> LaunchConfig {
    let count = len.div_ceil(4 * THREADS as usize).clamp(1, 4096);
    blocks(count as u32, 1)
}

/// Blocks for the sums of each channel: enough for a card, and not more than there is to add.
pub(in crate::device) fn sums(sizes: Sizes) -> LaunchConfig {
    let for_each = (sizes.batch as usize * sizes.positions as usize).div_ceil(THREADS as usize);
    let wanted = 1024_usize.div_ceil(sizes.channels as usize);
    blocks(for_each.min(wanted).max(1) as u32, sizes.channels)
}
