//! Samples with zeros around them, pixel by pixel.

use crate::device::cpu::{buffer::Aligned, order::Order, simd::Real};

/// An image with a border.
pub(super) struct Padded<E> {
    pub(super) elements: Aligned<E>,
    pub(super) channels: usize,
    /// Pixels of a row, with the border.
    pub(super) line: usize,
    image: [usize; 2],
    pub(super) border: [usize; 2],
}

impl<E: Real> Padded<E> {
    /// Zeros: an image of this size behind a border of so many rows and columns, and as many behind it; and so many
    /// elements more that may be read.
    pub(super) fn new(
        image: [usize; 2],
        channels: usize,
        border: [usize; 2],
        overhang: usize,
    ) -> Self {
        let [rows, line] = [0, 1].map(|axis| image[axis] + 2 * border[axis]);
        Self {
            elements: Aligned::zeros(rows * line * channels + overhang),
            channels,
            line,
            image,
            border,
        }
    }

    /// The pixels of row `y` of the image.
    #[inline(always)]
    pub(super) fn row(&mut self, y: usize) -> &mut [E] {
        let first = (self.border[0] + y) * self.line + self.border[1];
        &mut self.elements[first * self.channels..][..self.image[1] * self.channels]
    }

    /// Copies a sample that lies in this order.
    #[inline(always)]
    pub(super) fn fill(&mut self, order: Order, sample: &[E]) {
        let ([height, width], channels) = (self.image, self.channels);
        for y in 0..height {
            let row = self.row(y);
            match order {
                Order::Pixels => {
                    row.copy_from_slice(&sample[y * width * channels..][..width * channels]);
                }
                Order::Planes => {
                    for channel in 0..channels {
                        let from = &sample[(channel * height + y) * width..][..width];
                        let to = row[channel..].iter_mut().step_by(channels);
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
    }
}
