//! Pixels as decoders give them, and the channels that are made of them.

use crate::data::augment::picture::{Picture, luma};

/// What one pixel is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Numbers of a pixel: grey or red, green and blue, and, with one more, how opaque it is.
    pub(super) samples: usize,
    /// Whether a number takes two bytes, in the machine's order.
    pub(super) deep: bool,
}

/// A picture, pixel by pixel.
#[derive(Debug)]
pub(super) struct Pixels {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
    layout: Layout,
}

impl Pixels {
    /// `None` if there is no pixel, or there are more or fewer bytes than the pixels take.
    pub(super) fn new(bytes: Vec<u8>, [width, height]: [usize; 2], layout: Layout) -> Option<Self> {
        let pixel = layout.samples * (1 + usize::from(layout.deep));
        let whole = !bytes.is_empty() && bytes.len() == width * height * pixel;
        whole.then_some(Self {
            bytes,
            width,
            height,
            layout,
        })
    }

    /// The picture in 1 (grey) or 3 channels, without its transparency.
    ///
    /// Of 16 bits the higher 8 are taken, which is what PIL reads of colours.
    pub(super) fn picture(&self, channels: usize) -> Picture {
        let Layout { samples, deep } = self.layout;
        let size = 1 + usize::from(deep);
        let high = if deep && cfg!(target_endian = "little") {
            1
        } else {
            0
        };
        let coloured = samples > 2;
        let number = |pixel: &[u8], sample: usize| pixel[sample * size + high];
        let pixels = || self.bytes.chunks_exact(samples * size);

        let mut bytes = Vec::with_capacity(channels * self.width * self.height);
        if channels == 1 && coloured {
            bytes.extend(pixels().map(|pixel| luma([0, 1, 2].map(|sample| number(pixel, sample)))));
        } else if let (
            3,
            Layout {
                samples: 3,
                deep: false,
            },
        ) = (channels, self.layout)
        {
            // As nearly all pictures are: in one pass.
            bytes.resize(self.bytes.len(), 0);
            let (red, rest) = bytes.split_at_mut(self.width * self.height);
            let (green, blue) = rest.split_at_mut(self.width * self.height);
            let (pixels, _) = self.bytes.as_chunks();
            let planes = red.iter_mut().zip(green).zip(blue);
            for (((red, green), blue), pixel) in planes.zip(pixels) {
                [*red, *green, *blue] = *pixel;
            }
        } else {
            for channel in 0..channels {
                let sample = if coloured { channel } else { 0 };
                bytes.extend(pixels().map(|pixel| number(pixel, sample)));
            }
        }
        Picture {
            bytes,
            height: self.height,
            width: self.width,
        }
    }
}
