//! Max pooling where several numbers of a window are the largest, or none is a number.

use dfdx::{
    prelude::Backward,
    shapes::{Axes4, Dtype, HasShape},
    tensor::{Gradients, Tensor, Trace},
    tensor_ops::{SumTo, TryMul},
};

use super::{Pool, TryPool2D, checks::max_pool_gradient};
use crate::device::{
    Image, Window,
    layers::checks::{Four, Numbers, assert_close, of_result, on_every_device, tensor, values},
};

on_every_device! { ties, nan_is_the_largest }

const CASES: [(Four, Window); 5] = [
    ((2, 2, 4, 6), window(2, 2, 0)),
    ((1, 2, 5, 4), window(3, 1, 1)),
    ((1, 2, 7, 6), window(3, 2, 1)),
    ((2, 1, 5, 5), window(2, 1, 1)),
    ((1, 1, 3, 3), window(3, 1, 0)),
];

const fn window(size: usize, stride: usize, padding: usize) -> Window {
    Window {
        size,
        stride,
        padding,
        dilation: 1,
    }
}

/// The result of a max pool, and the gradient of `<r, result>`.
fn pooled<E: Dtype, D: TryPool2D<E>>(
    x: &Image<E, D>,
    window: Window,
    numbers: &mut Numbers,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let y = D::try_pool2d(x.trace(Gradients::leaky()), Pool::Max, window).unwrap();
    let r: Image<E, D> = numbers.tensor(x.device(), *y.shape());
    let result = values(&y);
    let loss: Tensor<(), E, _, _> = y.try_mul(r.clone()).unwrap().sum::<(), Axes4<0, 1, 2, 3>>();
    (result, values(&r), values(&loss.backward().get(x)))
}

/// The gradient goes to the first of several largest.
fn ties<E: Dtype, D: TryPool2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(9));
    for (size, window) in CASES {
        let count = size.0 * size.1 * size.2 * size.3;
        let few = numbers.list(count).into_iter().map(f64::round).collect();
        let constant = vec![-1.0; count];
        // What a ReLU leaves: zeros, some of them negative ones.
        let zeros = (0..count).map(|i| if i % 3 == 0 { 0.0 } else { -0.0 });
        let lowest = vec![f64::NEG_INFINITY; count];
        for list in [few, constant, zeros.collect::<Vec<f64>>(), lowest] {
            let x = tensor(&dev, size, &list);
            let (_, r, gradient) = pooled::<E, D>(&x, window, &mut numbers);
            let want = max_pool_gradient(&list, size, window, &r);
            let label = format!("{size:?}, {window:?}, {list:?}");
            assert_close(&label, &gradient, &want, of_result::<E>());
        }
    }
}

/// A window that covers a NaN gives one, as in PyTorch: a training that went wrong shows it.
fn nan_is_the_largest<E: Dtype, D: TryPool2D<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(10));
    for (size, window) in CASES {
        let mut list = numbers.list(size.0 * size.1 * size.2 * size.3);
        let count_nan = |list: &[f64], numbers: &mut Numbers| {
            let (y, ..) = pooled::<E, D>(&tensor(&dev, size, list), window, numbers);
            y.iter().filter(|y| y.is_nan()).count()
        };
        assert_eq!(count_nan(&list, &mut numbers), 0);
        // As many windows cover the pixel as its gradient is, where it is the largest of all.
        let at = list.len() / 2;
        list[at] = 1e9;
        let places = |side| window.places(side).unwrap();
        let ones = vec![1.0; size.0 * size.1 * places(size.2) * places(size.3)];
        let covering = max_pool_gradient(&list, size, window, &ones)[at];
        list[at] = f64::NAN;
        assert_eq!(count_nan(&list, &mut numbers) as f64, covering);
    }
}
