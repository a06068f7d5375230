//! The shortcut without parameters: fewer pixels, more channels.

use super::simd::Real;

/// Sizes of a subsampling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subsample {
    /// In, and out.
    pub(super) channels: [usize; 2],
    /// Channels of zeros before those that are kept.
    pub(super) before: usize,
    pub(super) image: [usize; 2],
    pub(super) stride: usize,
}

impl Subsample {
    pub(super) fn places(&self) -> [usize; 2] {
        self.image.map(|side| side.div_ceil(self.stride))
    }

    /// Calls `f(pixel of the input, pixel of the output)` for each pixel that is kept.
    #[inline(always)]
    fn each(&self, batch: usize, mut f: impl FnMut(usize, usize)) {
        let ([inputs, outputs], [height, width]) = (self.channels, self.places());
        for (n, channel) in (0..batch).flat_map(|n| (0..inputs).map(move |c| (n, c))) {
            let from = (n * inputs + channel) * self.image[0];
            let to = (n * outputs + self.before + channel) * height;
            for y in 0..height {
                let (from, to) = ((from + y * self.stride) * self.image[1], (to + y) * width);
                for x in 0..width {
                    f(from + x * self.stride, to + x);
                }
            }
        }
    }

    pub(super) fn forward<E: Real>(&self, x: &[E], batch: usize) -> Vec<E> {
        let [height, width] = self.places();
        let mut y = vec![E::default(); batch * self.channels[1] * height * width];
        self.each(batch, |from, to| y[to] = x[from]);
        y
    }

    /// Adds the gradient of `x` to `d_x`.
    pub(super) fn backward<E: Real>(&self, d_y: &[E], d_x: &mut [E]) {
        let sample = self.channels[0] * self.image[0] * self.image[1];
        let batch = d_x.len().checked_div(sample).unwrap_or(0);
        self.each(batch, |from, to| d_x[from] += d_y[to]);
    }
}
