//! What is kept for each channel, beside images that lie by pixels.
//!
//! There, channels follow each other over and over. So their numbers are written down as often as makes a line of some
//! hundred of them, and samples are worked on line by line: plain loops over slices, which become vectors.

use crate::device::cpu::{dims::Dims, simd::Real};

/// About as many elements as a line has.
const LINE: usize = 256;

/// Elements of a line: whole pixels.
pub(super) fn line(dims: Dims) -> usize {
    dims.channels * (LINE / dims.channels.max(1)).max(1)
}

/// The numbers of all channels, again and again.
pub(super) fn spread<E: Real>(dims: Dims, channels: &[E]) -> Vec<E> {
    assert_eq!(channels.len(), dims.channels);
    channels.iter().copied().cycle().take(line(dims)).collect()
}

/// Two sums for each channel of a sample: `add` adds those of a line, element by element.
#[inline(always)]
pub(super) fn fold<E: Real>(
    dims: Dims,
    sums: &mut [[E; 2]],
    mut add: impl FnMut(usize, &mut [E], &mut [E]),
) {
    let len = line(dims);
    let (mut first, mut second) = (vec![E::default(); len], vec![E::default(); len]);
    let sample = dims.channels * dims.positions;
    for start in (0..sample).step_by(len) {
        let len = len.min(sample - start);
        add(start, &mut first[..len], &mut second[..len]);
    }
    sums.fill([E::default(); 2]);
    for (first, second) in first
        .chunks_exact(dims.channels)
        .zip(second.chunks_exact(dims.channels))
    {
        for (sums, (a, b)) in sums.iter_mut().zip(first.iter().zip(second)) {
            sums[0] += *a;
            sums[1] += *b;
        }
    }
}
