//! The shapes, windows and options at which the operations are checked.

use std::marker::PhantomData;

use dfdx::{
    prelude::Backward,
    shapes::{Axes4, Axis, Dtype, HasShape},
    tensor::{Gradients, Tensor, Trace},
    tensor_ops::{BroadcastTo, PermuteTo, SumTo},
};

use super::{
    super::{is_wanted, leaf::Free},
    gradients::{Ranked, check, check_shared},
    naive::{self, Size4},
    numbers::{Numbers, assert_close, of_result, values},
    operations::{
        After, BatchNorm, Bias, Conv, ConvBatchNorm, GlobalAvg, Linear, Normalize, OntoItself,
        Pooling, Subsample, three,
    },
};
use crate::device::{Affine, Layers, Pool, Tail, Window};

const fn window(size: usize, stride: usize, padding: usize, dilation: usize) -> Window {
    Window {
        size,
        stride,
        padding,
        dilation,
    }
}

/// An image, out channels, a window, groups.
type Convolution = (Size4, usize, Window, usize);

const CONVOLUTIONS: &[Convolution] = &[
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

fn conv<E: Dtype, D: Layers<E>>(
    numbers: &mut Numbers,
    dev: &D,
    &((_, channels, ..), out, window, groups): &Convolution,
) -> Conv<E, D> {
    let shape = (out, channels / groups, window.size, window.size);
    let weight = numbers.tensor(dev, shape);
    Conv {
        weight,
        window,
        groups,
    }
}

pub(in crate::device) fn convolution<E: Dtype, D: Layers<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(1));
    for case in CONVOLUTIONS {
        let op = conv::<E, D>(&mut numbers, &dev, case);
        check(&format!("{case:?}"), &op, &numbers.tensor(&dev, case.0));
    }
}

fn affine<E: Dtype, D: Layers<E>>(
    numbers: &mut Numbers,
    dev: &D,
    channels: usize,
    epsilon: f64,
) -> Affine<E, D> {
    Affine {
        scale: numbers.tensor(dev, (channels,)),
        bias: numbers.tensor(dev, (channels,)),
        epsilon,
    }
}

/// All that may follow: a residual or none, ReLU or none.
#[allow(clippy::type_complexity)]
fn afters<S: Ranked, E: Dtype, D: Layers<E>>(
    numbers: &mut Numbers,
    dev: &D,
    shape: S,
) -> Vec<(String, After<S, E, D>)> {
    let mut all = Vec::new();
    for (add, relu) in [(false, false), (false, true), (true, false), (true, true)] {
        let residual = add.then(|| numbers.tensor(dev, shape));
        let label = format!("{shape:?}, residual {add}, ReLU {relu}");
        all.push((label, After { residual, relu }));
    }
    all
}

pub(in crate::device) fn convolution_batch_norm<E: Dtype, D: Layers<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(2));
    let cases = [
        ((2, 3, 5, 4), 4, window(3, 1, 1, 1), 1),
        ((2, 4, 4, 5), 2, window(1, 1, 0, 1), 1),
        ((2, 4, 5, 6), 4, window(3, 2, 1, 1), 2),
    ];
    for case in cases {
        let (size, out, window, _) = case;
        let (high, wide) = (window.places(size.2), window.places(size.3));
        let shape = (size.0, out, high.unwrap(), wide.unwrap());
        for (label, after) in afters::<_, E, D>(&mut numbers, &dev, shape) {
            let op = ConvBatchNorm {
                conv: conv::<E, D>(&mut numbers, &dev, &case),
                norm: BatchNorm {
                    affine: affine::<E, D>(&mut numbers, &dev, out, 1e-3),
                    after,
                },
            };
            let x = numbers.tensor(&dev, size);
            check(&format!("{case:?}, {label}"), &op, &x);

            let (conv, affine) = (&op.conv, &op.norm.affine);
            let (y, moments) = D::try_conv2d_batch_norm(
                x.clone(),
                &conv.weight,
                window,
                conv.groups,
                affine,
                Tail::NONE,
            )
            .unwrap();
            let weight = values(&conv.weight);
            let between = naive::conv2d(&values(&x), size, &weight, out, window, conv.groups).0;
            let (mean, variance) = naive::moments(&between, three(y.shape()));
            let close = |what, got: Vec<f64>, want: &[f64]| {
                assert_close(what, &got, want, of_result::<E>());
            };
            close("mean", values(&moments.mean), &mean);
            close("variance", values(&moments.variance), &variance);
            assert_eq!(moments.count, shape.0 * shape.2 * shape.3);
        }
    }
}

pub(in crate::device) fn batch_norm<E: Dtype, D: Layers<E>>() {
    batch_norm_of::<_, E, D>((5, 3), 1e-5);
    batch_norm_of::<_, E, D>((3, 2, 4), 0.1);
    batch_norm_of::<_, E, D>((2, 3, 3, 5), 1e-5);
    batch_norm_of::<_, E, D>((1, 2, 3, 2), 1e-3);
    batch_norm_of::<_, E, D>((2, 1, 5, 7), 1e-5);
}

fn batch_norm_of<S: Ranked, E: Dtype, D: Layers<E>>(shape: S, epsilon: f64) {
    let (dev, mut numbers) = (D::default(), Numbers::new(3));
    let size = three(&shape);
    for (label, after) in afters::<_, E, D>(&mut numbers, &dev, shape) {
        let relu = after.relu;
        let affine = affine::<E, D>(&mut numbers, &dev, size.1, epsilon);
        let op = BatchNorm::<S, E, D> { affine, after };
        let x: Tensor<S, E, D> = numbers.tensor(&dev, shape);
        check(&label, &op, &x);

        let (_, moments) = D::try_batch_norm(x.clone(), &op.affine, Tail::NONE).unwrap();
        let (mean, variance) = naive::moments(&values(&x), size);
        let tolerance = of_result::<E>();
        assert_close(
            &format!("{label}: mean"),
            &values(&moments.mean),
            &mean,
            tolerance,
        );
        assert_close(
            &format!("{label}: variance"),
            &values(&moments.variance),
            &variance,
            tolerance,
        );
        assert_eq!(moments.count, size.0 * size.2);

        if op.after.residual.is_none() {
            let op = OntoItself(op);
            check(&format!("onto itself: {shape:?}, ReLU {relu}"), &op, &x);
        }
    }
}

pub(in crate::device) fn normalize<E: Dtype, D: Layers<E>>() {
    normalize_of::<_, E, D>((4, 3));
    normalize_of::<_, E, D>((2, 3, 4));
    normalize_of::<_, E, D>((2, 3, 3, 5));
    normalize_of::<_, E, D>((1, 1, 1, 1));
}

fn normalize_of<S: Ranked, E: Dtype, D: Layers<E>>(shape: S) {
    let (dev, mut numbers) = (D::default(), Numbers::new(4));
    let channels = (three(&shape).1,);
    for (label, after) in afters::<_, E, D>(&mut numbers, &dev, shape) {
        let op = Normalize::<S, E, D> {
            affine: affine::<E, D>(&mut numbers, &dev, channels.0, 1e-5),
            mean: numbers.tensor(&dev, channels),
            variance: numbers.positive(&dev, channels),
            after,
        };
        let x: Tensor<S, E, D> = numbers.tensor(&dev, shape);
        check(&label, &op, &x);

        // The moments are none of the gradient's business.
        let traced = x.trace(Gradients::leaky());
        let (mean, variance) = (&op.mean, &op.variance);
        let y = D::try_normalize(traced, &op.affine, mean, variance, Tail::RELU).unwrap();
        let gradients = y.sum::<(), S::AllAxes>().backward();
        assert!(is_wanted::<(Free,), _, _, _>(&op.affine.scale, &gradients));
        assert!(!is_wanted::<(Free,), _, _, _>(mean, &gradients));
        assert!(!is_wanted::<(Free,), _, _, _>(variance, &gradients));
    }
}

pub(in crate::device) fn bias<E: Dtype, D: Layers<E>>() {
    bias_of::<_, E, D>((4, 3));
    bias_of::<_, E, D>((2, 3, 4));
    bias_of::<_, E, D>((2, 3, 3, 5));
}

fn bias_of<S: Ranked, E: Dtype, D: Layers<E>>(shape: S) {
    let (dev, mut numbers) = (D::default(), Numbers::new(5));
    for relu in [false, true] {
        let op = Bias::<S, E, D> {
            bias: numbers.tensor(&dev, (three(&shape).1,)),
            relu,
            shape: PhantomData,
        };
        let x = numbers.tensor(&dev, shape);
        check(&format!("{shape:?}, ReLU {relu}"), &op, &x);
    }
}

pub(in crate::device) fn pools<E: Dtype, D: Layers<E>>() {
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
    // Means also of windows that see nothing but padding.
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

pub(in crate::device) fn linear<E: Dtype, D: Layers<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(7));
    for (batch, features, out) in [(4, 5, 3), (1, 3, 7), (9, 1, 2), (3, 6, 1), (1, 1, 1)] {
        for (add, relu) in [(false, false), (true, false), (false, true), (true, true)] {
            let op = Linear::<E, D> {
                weight: numbers.tensor(&dev, (out, features)),
                bias: add.then(|| numbers.tensor(&dev, (out,))),
                relu,
            };
            let x = numbers.tensor(&dev, (batch, features));
            let label = format!("{batch} x {features} to {out}, bias {add}, ReLU {relu}");
            check(&label, &op, &x);
        }
    }
}

pub(in crate::device) fn subsample<E: Dtype, D: Layers<E>>() {
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

/// Inputs whose numbers do not lie in the order of their indices, and inputs of one image many times.
pub(in crate::device) fn strided_inputs<E: Dtype, D: Layers<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    let size = (2, 3, 4, 5);
    let turned: Tensor<(usize, usize, usize, usize), E, D> = numbers
        .tensor(&dev, (2, 5, 4, 3))
        .permute::<_, Axes4<0, 3, 2, 1>>();
    let one: Tensor<(usize, usize, usize), E, D> = numbers.tensor(&dev, (3, 4, 5));
    let same = one.broadcast_like::<_, Axis<0>>(&size);
    for (label, x, times) in [("turned", turned, 1), ("same", same, 2)] {
        let case = (size, 4, window(3, 1, 1, 1), 1);
        let op = conv::<E, D>(&mut numbers, &dev, &case);
        check_shared(label, &op, &x, times);
        let case = (size, 4, window(1, 1, 0, 1), 1);
        let op = conv::<E, D>(&mut numbers, &dev, &case);
        check_shared(label, &op, &x, times);
        let op = BatchNorm::<_, E, D> {
            affine: affine::<E, D>(&mut numbers, &dev, 3, 1e-5),
            after: After {
                residual: None,
                relu: true,
            },
        };
        check_shared(label, &op, &x, times);
        let op = Bias::<_, E, D> {
            bias: numbers.tensor(&dev, (3,)),
            relu: true,
            shape: PhantomData,
        };
        check_shared(label, &op, &x, times);
        for pool in [Pool::Max, Pool::Avg] {
            let op = Pooling {
                pool,
                window: window(3, 2, 1, 1),
            };
            check_shared::<E, _, _>(label, &op, &x, times);
        }
        check_shared::<E, _, _>(label, &GlobalAvg, &x, times);
        let op = Subsample {
            stride: 2,
            outputs: 5,
            before: 1,
        };
        check_shared::<E, _, _>(label, &op, &x, times);
    }
    let op = Linear::<E, D> {
        weight: numbers.tensor(&dev, (3, 4)),
        bias: Some(numbers.tensor(&dev, (3,))),
        relu: false,
    };
    let x: Tensor<(usize, usize), E, D> = numbers.tensor(&dev, (4, 5)).permute();
    check("turned rows", &op, &x);
    let row: Tensor<(usize,), E, D> = numbers.tensor(&dev, (4,));
    let rows = row.broadcast_like::<_, Axis<0>>(&(3, 4));
    check_shared("same rows", &op, &rows, 3);
}
