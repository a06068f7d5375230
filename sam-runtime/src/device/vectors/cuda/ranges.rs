//! Ranges of memory in the form in which kernels take them: many in one launch.

use cudarc::driver::{DeviceRepr, LaunchConfig};
use dfdx::tensor::CudaError;

use crate::device::{
    cuda::module::{THREADS, blocks},
    vectors::DeviceRange,
};

/// Ranges in one launch: `RANGES` in vectors.cu. A launch has room for 4 KiB of parameters.
const RANGES: usize = 96;

/// Elements that one thread takes at least, where there are so many.
const EACH: usize = 8;

/// Blocks for one range, at most: more than a card runs at a time.
const MOST: usize = 1024;

/// `Ranges` in vectors.cu.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RangeTable {
    x: [u64; RANGES],
    y: [u64; RANGES],
    z: [u64; RANGES],
    len: [u64; RANGES],
    start: [u64; RANGES],
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for RangeTable {}

/// One launch over some of the ranges.
pub(super) struct Launch {
    pub(super) table: RangeTable,
    pub(super) config: LaunchConfig,
    /// The number of blocks in the launches before this one.
    pub(super) first: u32,
}

/// Cuts `ranges` into launches, and calls `launch` with each. Returns the number of blocks of all.
pub(super) fn in_launches(
    ranges: &[DeviceRange],
    mut launch: impl FnMut(Launch) -> Result<(), CudaError>,
) -> Result<u32, CudaError> {
    let (mut first, mut start) = (0, 0);
    for part in ranges.chunks(RANGES) {
        let mut table = RangeTable {
            x: [0; RANGES],
            y: [0; RANGES],
            z: [0; RANGES],
            len: [0; RANGES],
            start: [0; RANGES],
        };
        for (i, range) in part.iter().enumerate() {
            table.x[i] = range.x;
            table.y[i] = range.y;
            table.z[i] = range.z;
            table.len[i] = range.len as u64;
            table.start[i] = start;
            start += range.len as u64;
        }
        let config = grid(part);
        let count = config.grid_dim.0 * config.grid_dim.1;
        launch(Launch {
            table,
            config,
            first,
        })?;
        first += count;
    }
    Ok(first)
}

/// The number of blocks of all launches over `ranges`.
pub(super) fn count_blocks(ranges: &[DeviceRange]) -> usize {
    let of = |part| {
        let (x, y, _) = grid(part).grid_dim;
        (x * y) as usize
    };
    ranges.chunks(RANGES).map(of).sum()
}

/// A row of blocks for each range.
fn grid(part: &[DeviceRange]) -> LaunchConfig {
    let longest = part.iter().map(|range| range.len).max().unwrap_or(0);
    let row = longest.div_ceil(THREADS as usize * EACH).clamp(1, MOST);
    blocks(row as u32, part.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(lengths: impl IntoIterator<Item = usize>) -> Vec<DeviceRange> {
        lengths
            .into_iter()
            .map(|len| DeviceRange {
                x: 16 * len as u64,
                len,
                ..Default::default()
            })
            .collect()
    }

    #[test]
    fn every_range_is_in_one_launch_with_the_elements_before_it() {
        let ranges = ranges((0..200).map(|i| i * 100));
        let mut met = Vec::new();
        let mut first = 0;
        let total = in_launches(&ranges, |launch| {
            assert_eq!(launch.first, first);
            let (x, y, z) = launch.config.grid_dim;
            assert_eq!(z, 1);
            assert!(x >= 1 && y <= RANGES as u32);
            first += x * y;
            for i in 0..y as usize {
                let (len, start) = (launch.table.len[i], launch.table.start[i]);
                met.push((launch.table.x[i], len, start));
            }
            Ok(())
        });
        assert_eq!(total.unwrap() as usize, count_blocks(&ranges));
        let mut start = 0;
        for (i, range) in met.iter().enumerate() {
            assert_eq!(*range, (1600 * i as u64, 100 * i as u64, start));
            start += 100 * i as u64;
        }
        assert_eq!(met.len(), 200);
    }

    #[test]
    fn a_launch_fits_into_a_kernels_parameters() {
        // 4 KiB in all, and some numbers beside the table.
        assert!(size_of::<RangeTable>() + 128 <= 4096);
    }

    #[test]
    fn no_launch_without_a_range() {
        assert_eq!(count_blocks(&[]), 0);
        let none = in_launches(&[], |_| panic!("nothing to launch"));
        assert_eq!(none.unwrap(), 0);
    }
}
