//! Stretches of memory in the form in which kernels take them: many in one launch.

use cudarc::driver::{DeviceRepr, LaunchConfig};
use dfdx::tensor::CudaError;

use super::module::{THREADS, blocks};
use crate::device::Span;

/// Stretches in one launch: `SPANS` in step.cu. A launch has room for 4 KiB of parameters.
const SPANS: usize = 96;

/// Elements that one thread takes at least, where there are so many.
const EACH: usize = 8;

/// Blocks for one stretch, at most: more than a card runs at a time.
const MOST: usize = 1024;

/// `Spans` in step.cu.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct SpanTable {
    a: [u64; SPANS],
    b: [u64; SPANS],
    to: [u64; SPANS],
    len: [u64; SPANS],
    start: [u64; SPANS],
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for SpanTable {}

/// One launch over some of the spans.
pub(super) struct Launch {
    pub(super) table: SpanTable,
    pub(super) config: LaunchConfig,
    /// The number of blocks in the launches before this one.
    pub(super) first: u32,
}

/// Cuts `spans` into launches, and calls `launch` with each. Returns the number of blocks of all.
pub(super) fn in_launches(
    spans: &[Span],
    mut launch: impl FnMut(Launch) -> Result<(), CudaError>,
) -> Result<u32, CudaError> {
    let (mut first, mut start) = (0, 0);
    for part in spans.chunks(SPANS) {
        let mut table = SpanTable {
            a: [0; SPANS],
            b: [0; SPANS],
            to: [0; SPANS],
            len: [0; SPANS],
            start: [0; SPANS],
        };
        for (i, span) in part.iter().enumerate() {
            table.a[i] = span.a;
            table.b[i] = span.b;
            table.to[i] = span.to;
            table.len[i] = span.len as u64;
            table.start[i] = start;
            start += span.len as u64;
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

/// The number of blocks of all launches over `spans`.
pub(super) fn count_blocks(spans: &[Span]) -> usize {
    let of = |part| {
        let (x, y, _) = grid(part).grid_dim;
        (x * y) as usize
    };
    spans.chunks(SPANS).map(of).sum()
}

/// A row of blocks for each span.
fn grid(part: &[Span]) -> LaunchConfig {
    let longest = part.iter().map(|span| span.len).max().unwrap_or(0);
    let row = longest.div_ceil(THREADS as usize * EACH).clamp(1, MOST);
    blocks(row as u32, part.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(lengths: impl IntoIterator<Item = usize>) -> Vec<Span> {
        lengths
            .into_iter()
            .map(|len| Span {
                a: 16 * len as u64,
                b: 0,
                to: 1,
                len,
            })
            .collect()
    }

    #[test]
    fn every_span_is_in_one_launch_with_the_elements_before_it() {
        let spans = spans((0..200).map(|i| i * 100));
        let mut seen = Vec::new();
        let mut first = 0;
        let total = in_launches(&spans, |launch| {
            assert_eq!(launch.first, first);
            let (x, y, z) = launch.config.grid_dim;
            assert_eq!(z, 1);
            assert!(x >= 1 && y <= SPANS as u32);
            first += x * y;
            for i in 0..y as usize {
                let (len, start) = (launch.table.len[i], launch.table.start[i]);
                seen.push((launch.table.a[i], len, start));
            }
            Ok(())
        });
        assert_eq!(total.unwrap() as usize, count_blocks(&spans));
        let mut start = 0;
        for (i, seen) in seen.iter().enumerate() {
            assert_eq!(*seen, (1600 * i as u64, 100 * i as u64, start));
            start += 100 * i as u64;
        }
        assert_eq!(seen.len(), 200);
    }

    #[test]
    fn a_launch_fits_into_a_kernels_parameters() {
        // 4 KiB in all, and some numbers beside the table.
        assert!(size_of::<SpanTable>() + 128 <= 4096);
    }

    #[test]
    fn no_launch_without_a_span() {
        assert_eq!(count_blocks(&[]), 0);
        let none = in_launches(&[], |_| panic!("nothing to launch"));
        assert_eq!(none.unwrap(), 0);
    }
}
