//! An image as the operations see it.

use crate::{data::ImageShape, device::vectorized};

/// Bytes of an image, channel by channel, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct Picture {
    pub(in crate::data) bytes: Vec<u8>,
    pub(in crate::data) height: usize,
    pub(in crate::data) width: usize,
}

impl Picture {
    /// An image of the data set's size.
    pub(super) fn whole<S: ImageShape>(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            height: S::HEIGHT,
            width: S::WIDTH,
        }
    }

    /// Pixels of one channel.
    pub(in crate::data) fn area(&self) -> usize {
        self.height * self.width
    }

    /// Each channel's pixels.
    pub(super) fn planes_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let area = self.area();
        self.bytes.chunks_exact_mut(area)
    }

    /// Red, green and blue; `None` for a grey image.
    pub(super) fn colours(&self) -> Option<[&[u8]; 3]> {
        let area = self.area();
        (self.bytes.len() == 3 * area).then(|| {
            let (red, rest) = self.bytes.split_at(area);
            let (green, blue) = rest.split_at(area);
            [red, green, blue]
        })
    }

    /// The brightness of each pixel ([`luma`]); a grey image's own pixels.
    pub(super) fn luma(&self) -> Vec<u8> {
        let Some([red, green, blue]) = self.colours() else {
            return self.bytes.clone();
        };
        let mut found = vec![0; self.area()];
        vectorized(|| {
            let colours = red.iter().zip(green).zip(blue);
            for (found, ((&r, &g), &b)) in found.iter_mut().zip(colours) {
                *found = luma([r, g, b]);
            }
        });
        found
    }

    /// Replaces each byte by the table's entry.
    pub(super) fn map(&mut self, table: &[u8; 256]) {
        map(&mut self.bytes, table);
    }
}

/// The brightness of a colour by the weights of ITU-R 601, in 16-bit fixed point as PIL's
/// `convert("L")` has it.
#[inline(always)]
pub(in crate::data) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let weigh = |byte: u8, weight: u32| u32::from(byte) * weight;
    ((weigh(red, 19_595) + weigh(green, 38_470) + weigh(blue, 7_471) + 0x8000) >> 16) as u8
}

/// Replaces each byte by the table's entry.
pub(super) fn map(bytes: &mut [u8], table: &[u8; 256]) {
    for byte in bytes {
        *byte = table[usize::from(*byte)];
    }
}

#[cfg(test)]
impl Picture {
    /// A picture with another value at nearly every place.
    pub(super) fn numbered(channels: usize, height: usize, width: usize) -> Self {
        let bytes = (0..channels * height * width)
            .map(|i| (i % 251) as u8 + 1)
            .collect();
        Self {
            bytes,
            height,
            width,
        }
    }
}
