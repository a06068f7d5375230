//! The sizes of what is worked on channel by channel.

use super::order::Order;

/// Sizes of a batch of images, or of vectors (one position), and how they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::device) struct Dims {
    pub(in crate::device) batch: usize,
    pub(in crate::device) channels: usize,
    pub(in crate::device) positions: usize,
    pub(in crate::device) order: Order,
}

impl Dims {
    /// `None` for fewer than two dimensions.
    pub(in crate::device) fn new(sizes: &[usize]) -> Option<Self> {
        let [batch, channels, positions @ ..] = sizes else {
            return None;
        };
        Some(Self {
            batch: *batch,
            channels: *channels,
            positions: positions.iter().product(),
            order: Order::Planes,
        })
    }

    /// Numbers of all.
    pub(in crate::device) fn len(&self) -> usize {
        self.batch * self.channels * self.positions
    }

    /// Numbers of a sample; 1 where there are none, so that they can be cut into samples.
    pub(in crate::device) fn sample(&self) -> usize {
        (self.channels * self.positions).max(1)
    }

    /// Numbers of a channel.
    pub(in crate::device) fn count(&self) -> usize {
        self.batch * self.positions
    }
}
