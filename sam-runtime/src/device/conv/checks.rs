//! Convolution against its definition.

use dfdx::shapes::{Dtype, HasShape};

use super::TryConv2D;
use crate::device::{
    Channels, Image, LayerTape, Window,
    layers::checks::{
        Four, Numbers, Operation, by_pixels, check, check_shared, flat, on_every_device, pairs,
        pixel, refused, strided_images,
    },
};

on_every_device! { convolution, strided, misfits }

/// A convolution under test.
pub(in crate::device) struct Conv<E: Dtype, D: TryConv2D<E>> {
    pub(in crate::device) weight: Image<E, D>,
    pub(in crate::device) window: Window,
    pub(in crate::device) groups: usize,
}

impl<E: Dtype, D: TryConv2D<E>> Operation<E, D> for Conv<E, D> {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_conv2d(x, &self.weight, self.window, self.groups)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        vec![flat(&self.weight)]
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let out = self.weight.shape().0;
        naive(x, *shape, &parameters[0], out, self.window, self.groups).0
    }
}

/// The definition: the result, and its shape.
pub(in crate::device) fn naive(
    x: &[f64],
    (batch, channels, height, width): Four,
    weight: &[f64],
    out: usize,
    window: Window,
    groups: usize,
) -> (Vec<f64>, Four) {
    let (high, wide) = (
        window.places(height).unwrap(),
        window.places(width).unwrap(),
    );
    let (inner, k) = (channels / groups, window.size);
    let mut y = Vec::new();
    for (b, o) in pairs(batch, out) {
        let first = o / (out / groups) * inner;
        for (i, j) in pairs(high, wide) {
            let mut sum = 0.0;
            for c in 0..inner {
                for (u, v) in pairs(k, k) {
                    let row = pixel(window, i, u, height);
                    if let Some((r, s)) = row.zip(pixel(window, j, v, width)) {
                        let image = (b * channels + first + c) * height * width;
                        sum += x[image + r * width + s] * weight[((o * inner + c) * k + u) * k + v];
                    }
                }
            }
            y.push(sum);
        }
    }
    (y, (batch, out, high, wide))
}

/// A window by its numbers.
pub(in crate::device) const fn window(
    size: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Window {
    Window {
        size,
        stride,
        padding,
        dilation,
    }
}

/// An image, out channels, a window, groups.
pub(in crate::device) type Case = (Four, usize, Window, usize);

const CONVOLUTIONS: &[Case] = &[
    ((2, 3, 5, 4), 4, window(1, 1, 0, 1), 1),
    ((2, 4, 5, 4), 6, window(1, 1, 0, 1), 2),
    ((2, 3, 5, 6), 2, window(1, 2, 0, 1), 1),
    ((2, 2, 4, 3), 2, window(1, 1, 1, 1), 1),
    ((2, 3, 4, 5), 2, window(2, 1, 0, 1), 1),
    ((1, 2, 6, 5), 3, window(2, 2, 0, 1), 1),
    ((2, 3, 5, 4), 4, window(3, 1, 1, 1), 1),
    ((1, 3, 5, 7), 2, window(3, 1, 0, 1), 1),
    ((2, 2, 6, 5), 3, window(3, 2, 1, 1), 1),
    ((2, 2, 7, 8), 2, window(3, 3, 1, 1), 1),
    ((1, 2, 7, 6), 2, window(3, 1, 2, 2), 1),
    ((2, 1, 8, 7), 2, window(3, 2, 1, 2), 1),
    ((2, 4, 4, 5), 6, window(3, 1, 1, 1), 2),
    // Depthwise, and with two outputs for each channel.
    ((2, 3, 5, 4), 3, window(3, 1, 1, 1), 3),
    ((1, 3, 4, 6), 6, window(3, 2, 1, 1), 3),
    ((1, 2, 6, 5), 2, window(4, 1, 2, 1), 1),
    ((1, 2, 7, 6), 2, window(5, 1, 2, 1), 1),
    ((1, 4, 8, 9), 2, window(5, 3, 2, 1), 2),
    // Rows of whole vectors, and of half ones, of several samples: with a stride, and in groups.
    ((1, 2, 3, 8), 3, window(3, 1, 1, 1), 1),
    ((2, 2, 6, 4), 3, window(3, 1, 1, 1), 1),
    ((2, 2, 8, 8), 3, window(3, 2, 1, 1), 1),
    ((17, 2, 2, 4), 2, window(3, 1, 1, 1), 2),
    // The window on one place, larger than the image, and stepping over the image's edge.
    ((2, 2, 3, 3), 3, window(3, 1, 0, 1), 1),
    ((1, 2, 1, 2), 2, window(3, 1, 1, 1), 1),
    ((1, 1, 2, 3), 1, window(2, 2, 2, 1), 1),
    ((1, 1, 1, 1), 1, window(1, 1, 0, 1), 1),
];

/// The convolution of a case, with random kernels.
pub(in crate::device) fn conv<E: Dtype, D: TryConv2D<E>>(
    numbers: &mut Numbers,
    dev: &D,
    &((_, channels, ..), out, window, groups): &Case,
) -> Conv<E, D> {
    let shape = (out, channels / groups, window.size, window.size);
    let weight = numbers.tensor(dev, shape);
    Conv {
        weight,
        window,
        groups,
    }
}

fn convolution<E: Dtype, D: TryConv2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(1));
    for case in CONVOLUTIONS {
        let op = conv::<E, D>(&mut numbers, &dev, case);
        check(&format!("{case:?}"), &op, &numbers.tensor(&dev, case.0));
    }
}

fn strided<E: Dtype, D: TryConv2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    for (label, x, times) in strided_images(&mut numbers, &dev) {
        for window in [window(3, 1, 1, 1), window(1, 1, 0, 1)] {
            let op = conv::<E, D>(&mut numbers, &dev, &(*x.shape(), 4, window, 1));
            check_shared(label, &op, &x, times);
        }
    }
    // Results by pixels, too.
    let x = by_pixels(numbers.tensor(&dev, (2, 4, 5, 16)));
    for (window, groups) in [
        (window(1, 1, 0, 1), 1),
        (window(2, 2, 1, 1), 1),
        (window(1, 1, 0, 1), 4),
    ] {
        let op = conv::<E, D>(&mut numbers, &dev, &(*x.shape(), 16, window, groups));
        check(&format!("pixels, {window:?}"), &op, &x);
    }
}

/// What doesn't fit: an image, a weight, a window, groups.
pub(in crate::device) fn misfitting() -> Vec<(&'static str, Four, Four, Window, usize)> {
    let three = Window::new(3);
    let huge = |dilation, padding| Window {
        dilation,
        padding,
        ..three
    };
    vec![
        ("no place", (2, 4, 2, 5), (2, 4, 3, 3), three, 1),
        ("no place across", (2, 4, 5, 2), (2, 4, 3, 3), three, 1),
        ("another size", (2, 4, 5, 5), (2, 4, 2, 2), three, 1),
        ("not square", (2, 4, 5, 5), (2, 4, 3, 2), three, 1),
        ("channels", (2, 4, 5, 5), (2, 3, 3, 3), three, 1),
        ("channels of groups", (2, 4, 5, 5), (2, 4, 3, 3), three, 2),
        ("groups do not divide", (2, 4, 5, 5), (3, 1, 3, 3), three, 3),
        ("out channels", (2, 4, 5, 5), (3, 2, 3, 3), three, 2),
        ("no groups", (2, 4, 5, 5), (2, 4, 3, 3), three, 0),
        (
            "no stride",
            (2, 4, 5, 5),
            (2, 4, 3, 3),
            Window { stride: 0, ..three },
            1,
        ),
        ("no dilation", (2, 4, 5, 5), (2, 4, 3, 3), huge(0, 0), 1),
        (
            "dilation",
            (2, 4, 5, 5),
            (2, 4, 3, 3),
            huge(usize::MAX, 0),
            1,
        ),
        (
            "padding",
            (2, 4, 5, 5),
            (2, 4, 3, 3),
            huge(1, usize::MAX),
            1,
        ),
        (
            "too many places",
            (2, 4, 5, 5),
            (2, 4, 3, 3),
            huge(1, usize::MAX / 4),
            1,
        ),
    ]
}

fn misfits<E: Dtype, D: TryConv2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(11));
    for (what, x, weight, window, groups) in misfitting() {
        let x: Image<E, D> = numbers.tensor(&dev, x);
        let weight = numbers.tensor(&dev, weight);
        refused(what, D::try_conv2d(x, &weight, window, groups));
    }
}
