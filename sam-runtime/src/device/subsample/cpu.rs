//! The shortcut without parameters on host memory.

use std::mem::take;

use dfdx::{prelude::*, tensor::CpuError};

use super::TrySubsample;
use crate::device::{
    Image, LayerTape,
    cpu::{
        arguments::MISFIT,
        once::compiled_once,
        order::{BLOCK, Order, elements_of, in_an_order, in_order, tensor},
        simd::Real,
        tasks::each_of,
    },
};

compiled_once! {
    /// Subsamplings.
    pub(in crate::device) trait SubsampleKernels: Real {
        fn forward(subsample: &Subsample, x: &[Self], batch: usize) -> Vec<Self> = Subsample::forward;
        fn backward(subsample: &Subsample, d_y: &[Self], d_x: &mut [Self]) = Subsample::backward;
    }
}

impl<E: SubsampleKernels> TrySubsample<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_subsample<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        stride: usize,
        outputs: usize,
        before: usize,
    ) -> Result<Image<E, Self, T>, CpuError> {
        let (mut x, mut order) = in_an_order(x)?;
        if !outputs.is_multiple_of(BLOCK) {
            order = Order::Planes;
            x = in_order(x, order)?;
        }
        let (x, mut tape) = x.split_tape();
        let (batch, channels, height, width) = *x.shape();
        let subsample = Subsample {
            order,
            ..Subsample::new([channels, outputs], before, [height, width], stride).ok_or(MISFIT)?
        };
        let y = E::forward(&subsample, &elements_of(&x, order), batch);
        let [high, wide] = subsample.places();
        let y = tensor(x.device(), y, (batch, outputs, high, wide), order)?;
        if T::OWNS_TAPE {
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                E::backward(&subsample, &d_y, d_x);
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// Sizes of a subsampling.
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Subsample {
    /// In, and out.
    channels: [usize; 2],
    /// Channels of zeros before those that are kept.
    before: usize,
    image: [usize; 2],
    stride: usize,
    order: Order,
}

impl Subsample {
    /// `None` if the channels that are kept don't find room, or there is no stride.
    pub(in crate::device) fn new(
        channels: [usize; 2],
        before: usize,
        image: [usize; 2],
        stride: usize,
    ) -> Option<Self> {
        let fits = stride > 0 && channels[0].checked_add(before)? <= channels[1];
        fits.then_some(Self {
            channels,
            before,
            image,
            stride,
            order: Order::Planes,
        })
    }

    /// The same of images that lie by pixels.
    pub(in crate::device) fn by_pixels(self) -> Self {
        Self {
            order: Order::Pixels,
            ..self
        }
    }

    fn places(&self) -> [usize; 2] {
        self.image.map(|side| side.div_ceil(self.stride))
    }

    /// Elements of a sample: in, and out.
    fn samples(&self) -> [usize; 2] {
        let [height, width] = self.places();
        [
            self.channels[0] * self.image[0] * self.image[1],
            self.channels[1] * height * width,
        ]
    }

    /// Calls `f(start in the input, start in the output, step, count)` for each row of a sample that is kept, or for the
    /// channels of each pixel.
    #[inline(always)]
    fn each_row(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        let [height, width] = self.places();
        if self.order == Order::Pixels {
            let [from, to] = self.channels;
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let pixel = (y * self.image[1] + x) * self.stride;
                f(pixel * from, (y * width + x) * to + self.before, 1, from);
            }
            return;
        }
        for channel in 0..self.channels[0] {
            for y in 0..height {
                f(
                    (channel * self.image[0] + y * self.stride) * self.image[1],
                    ((self.before + channel) * height + y) * width,
                    self.stride,
                    width,
                );
            }
        }
    }

    pub(in crate::device) fn forward<E: Real>(&self, x: &[E], batch: usize) -> Vec<E> {
        let [from, to] = self.samples();
        let mut y = vec![E::default(); batch * to];
        if from > 0 {
            let samples = y.chunks_mut(to).zip(x.chunks(from));
            each_of(samples, |(y, x)| {
                self.each_row(|from, to, step, count| {
                    if step == 1 {
                        return y[to..][..count].copy_from_slice(&x[from..][..count]);
                    }
                    let kept = x[from..].iter().step_by(step);
                    y[to..][..count]
                        .iter_mut()
                        .zip(kept)
                        .for_each(|(y, x)| *y = *x);
                });
            });
        }
        y
    }

    /// Adds the gradient of `x` to `d_x`.
    fn backward<E: Real>(&self, d_y: &[E], d_x: &mut [E]) {
        let [from, to] = self.samples();
        if from > 0 {
            let samples = d_y.chunks(to).zip(d_x.chunks_mut(from));
            each_of(samples, |(d_y, d_x)| self.add_sample(d_y, d_x));
        }
    }

    /// The same for one sample.
    pub(in crate::device) fn add_sample<E: Real>(&self, d_y: &[E], d_x: &mut [E]) {
        self.each_row(|from, to, step, count| {
            if step == 1 {
                let kept = d_x[from..][..count].iter_mut();
                let d_y = &d_y[to..][..count];
                return kept.zip(d_y).for_each(|(d_x, d_y)| *d_x += *d_y);
            }
            let kept = d_x[from..].iter_mut().step_by(step);
            kept.zip(&d_y[to..][..count])
                .for_each(|(d_x, d_y)| *d_x += *d_y);
        });
    }
}
