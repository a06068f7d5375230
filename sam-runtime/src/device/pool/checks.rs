//! Pools against their definitions, and the mean against dfdx's own.

use dfdx::{
    shapes::{Axes2, Dtype},
    tensor_ops::MeanTo,
};

use super::{Pool, TryPool2D};
use crate::device::{
    Channels, Image, LayerTape, Rows, Window,
    layers::checks::{
        Four, Numbers, Operation, Two, check, check_shared, on_every_device, pairs, pixel, refused,
        strided_images,
    },
};

on_every_device! { pools, strided, misfits, as_dfdx_does }

struct Pooling {
    pool: Pool,
    window: Window,
}

impl<E: Dtype, D: TryPool2D<E>> Operation<E, D> for Pooling {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_pool2d(x, self.pool, self.window)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, shape: &Four, x: &[f64], _: &[Vec<f64>]) -> Vec<f64> {
        naive(x, *shape, self.pool, self.window)
    }
}

struct GlobalAvg;

impl<E: Dtype, D: TryPool2D<E>> Operation<E, D> for GlobalAvg {
    type In = Four;
    type Out = Two;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        D::try_global_avg_pool(x)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, shape: &Four, x: &[f64], _: &[Vec<f64>]) -> Vec<f64> {
        let positions = shape.2 * shape.3;
        let mean = |image: &[f64]| image.iter().sum::<f64>() / positions as f64;
        x.chunks(positions).map(mean).collect()
    }
}

/// Each window's values, with their places in the image, in the order of the rows.
fn windows(
    x: &[f64],
    (batch, channels, height, width): Four,
    window: Window,
    mut each: impl FnMut(&[(usize, f64)]),
) {
    let (high, wide) = (
        window.places(height).unwrap(),
        window.places(width).unwrap(),
    );
    for image in 0..batch * channels {
        for (i, j) in pairs(high, wide) {
            let mut covered = Vec::new();
            for (u, v) in pairs(window.size, window.size) {
                let row = pixel(window, i, u, height);
                if let Some((r, s)) = row.zip(pixel(window, j, v, width)) {
                    let at = image * height * width + r * width + s;
                    covered.push((at, x[at]));
                }
            }
            each(&covered);
        }
    }
}

fn naive(x: &[f64], size: Four, pool: Pool, window: Window) -> Vec<f64> {
    let mut y = Vec::new();
    windows(x, size, window, |covered| {
        y.push(match pool {
            Pool::Max => first_largest(covered).1,
            Pool::Avg => {
                covered.iter().map(|c| c.1).sum::<f64>() / (window.size * window.size) as f64
            }
        });
    });
    y
}

/// The gradient that a max pool gives its input: `r` of each window to the first of its largest.
pub(in crate::device) fn max_pool_gradient(
    x: &[f64],
    size: Four,
    window: Window,
    r: &[f64],
) -> Vec<f64> {
    let mut gradient = vec![0.0; x.len()];
    let mut r = r.iter();
    windows(x, size, window, |covered| {
        gradient[first_largest(covered).0] += r.next().unwrap();
    });
    gradient
}

fn first_largest(covered: &[(usize, f64)]) -> (usize, f64) {
    let later = |best: (usize, f64), next: &(usize, f64)| {
        if next.1 > best.1 { *next } else { best }
    };
    covered[1..].iter().fold(covered[0], later)
}

const fn window(size: usize, stride: usize, padding: usize, dilation: usize) -> Window {
    Window {
        size,
        stride,
        padding,
        dilation,
    }
}

fn pools<E: Dtype, D: TryPool2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(6));
    let cases = [
        ((2, 3, 4, 6), window(2, 2, 0, 1)),
        ((2, 2, 5, 4), window(2, 1, 0, 1)),
        ((1, 2, 7, 6), window(3, 2, 1, 1)),
        ((1, 2, 5, 6), window(3, 1, 1, 1)),
        ((2, 1, 8, 7), window(3, 3, 0, 1)),
        ((1, 2, 7, 8), window(3, 1, 1, 2)),
        ((1, 2, 7, 6), window(5, 2, 2, 1)),
        ((1, 2, 7, 6), window(4, 3, 2, 1)),
        ((2, 2, 3, 4), window(1, 1, 0, 1)),
        ((2, 2, 5, 4), window(1, 2, 0, 1)),
        ((1, 3, 3, 3), window(3, 1, 0, 1)),
    ];
    for (size, window) in cases {
        for pool in [Pool::Max, Pool::Avg] {
            let op = Pooling { pool, window };
            let x = numbers.tensor(&dev, size);
            check::<E, _, _>(&format!("{pool:?}, {size:?}, {window:?}"), &op, &x);
        }
    }
    // Means also of windows that cover nothing but padding.
    let op = Pooling {
        pool: Pool::Avg,
        window: window(2, 2, 2, 1),
    };
    check::<E, _, _>("beside", &op, &numbers.tensor(&dev, (1, 2, 3, 4)));
    for size in [(2, 3, 4, 5), (1, 1, 1, 1), (3, 2, 1, 4)] {
        let x = numbers.tensor(&dev, size);
        check::<E, _, _>(&format!("{size:?}"), &GlobalAvg, &x);
    }
}

fn strided<E: Dtype, D: TryPool2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    for (label, x, times) in strided_images::<E, D>(&mut numbers, &dev) {
        for pool in [Pool::Max, Pool::Avg] {
            let op = Pooling {
                pool,
                window: window(3, 2, 1, 1),
            };
            check_shared(label, &op, &x, times);
        }
        check_shared(label, &GlobalAvg, &x, times);
    }
}

fn misfits<E: Dtype, D: TryPool2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(13));
    let x: Image<E, D> = numbers.tensor(&dev, (1, 2, 4, 2));
    let two = Window::new(2);
    let misfits = [
        Window::new(3),
        Window::new(0),
        Window { stride: 0, ..two },
        Window { dilation: 0, ..two },
        Window { dilation: 2, ..two },
        Window {
            padding: usize::MAX,
            ..two
        },
    ];
    for window in misfits {
        for pool in [Pool::Max, Pool::Avg] {
            let outcome = D::try_pool2d(x.clone(), pool, window);
            refused(&format!("{pool:?}, {window:?}"), outcome);
        }
    }
    // Nothing but padding has no largest.
    for window in [
        Window { padding: 2, ..two },
        Window {
            padding: 3,
            dilation: 5,
            ..two
        },
    ] {
        let outcome = D::try_pool2d(x.clone(), Pool::Max, window);
        refused(&format!("{window:?}"), outcome);
    }
}

/// [`GlobalAvg`], out of dfdx's operations.
struct OfDfdx;

impl<E: Dtype, D: TryPool2D<E>> Operation<E, D> for OfDfdx {
    type In = Four;
    type Out = Two;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        x.try_mean::<_, Axes2<2, 3>>()
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        Operation::<E, D>::naive(&GlobalAvg, shape, x, parameters)
    }
}

fn as_dfdx_does<E: Dtype, D: TryPool2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(16));
    check::<E, D, _>("dfdx", &OfDfdx, &numbers.tensor(&dev, (2, 3, 4, 5)));
}
