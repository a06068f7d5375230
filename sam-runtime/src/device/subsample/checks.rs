//! The shortcut without parameters against its definition.

use dfdx::shapes::Dtype;

use super::TrySubsample;
use crate::device::{
    Channels, Image, LayerTape,
    layers::checks::{
        Four, Numbers, Operation, check, check_shared, on_every_device, pairs, refused,
        strided_images,
    },
};

on_every_device! { subsample, strided, misfits }

struct Subsample {
    stride: usize,
    outputs: usize,
    before: usize,
}

impl<E: Dtype, D: TrySubsample<E>> Operation<E, D> for Subsample {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_subsample(x, self.stride, self.outputs, self.before)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, shape: &Four, x: &[f64], _: &[Vec<f64>]) -> Vec<f64> {
        naive(x, *shape, self.stride, self.outputs, self.before)
    }
}

/// Every `stride`-th pixel of every `stride`-th row, between channels of zeros.
fn naive(
    x: &[f64],
    (batch, channels, height, width): Four,
    stride: usize,
    outputs: usize,
    before: usize,
) -> Vec<f64> {
    let mut y = Vec::new();
    for (b, o) in pairs(batch, outputs) {
        for (i, j) in pairs(height.div_ceil(stride), width.div_ceil(stride)) {
            y.push(match o.checked_sub(before) {
                Some(c) if c < channels => {
                    x[((b * channels + c) * height + i * stride) * width + j * stride]
                }
                _ => 0.0,
            });
        }
    }
    y
}

fn subsample<E: Dtype, D: TrySubsample<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(15));
    for (stride, outputs, before, height) in
        [(2, 8, 2, 6), (2, 5, 1, 7), (1, 3, 0, 4), (3, 9, 6, 5)]
    {
        let op = Subsample {
            stride,
            outputs,
            before,
        };
        let x = numbers.tensor(&dev, (2, 3, height, 5));
        let label = format!("stride {stride}, {before} of {outputs} before, {height}");
        check::<E, D, _>(&label, &op, &x);
    }
}

fn strided<E: Dtype, D: TrySubsample<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    for (label, x, times) in strided_images::<E, D>(&mut numbers, &dev) {
        let channels = dfdx::shapes::HasShape::shape(&x).1;
        for outputs in [channels + 2, 2 * channels] {
            let op = Subsample {
                stride: 2,
                outputs,
                before: 1,
            };
            check_shared(label, &op, &x, times);
        }
    }
}

fn misfits<E: Dtype, D: TrySubsample<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(15));
    let x: Image<E, D> = numbers.tensor(&dev, (2, 3, 4, 4));
    for (what, stride, outputs, before) in [
        ("no stride", 0, 3, 0),
        ("channels", 2, 3, 1),
        ("channels before", 2, 3, usize::MAX),
    ] {
        let outcome = D::try_subsample(x.clone(), stride, outputs, before);
        refused(what, outcome);
    }
}
