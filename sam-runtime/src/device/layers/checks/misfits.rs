//! Sizes that do not fit together, and what they are answered with.

use dfdx::shapes::Dtype;

use super::numbers::Numbers;
use crate::device::{Affine, Image, Layers, Pool, Tail, Window};

/// An error for a wrong number of elements, and no other.
fn refused<X, Err: std::fmt::Debug>(what: &str, outcome: Result<X, Err>) {
    match outcome {
        Ok(_) => panic!("{what} was accepted"),
        Err(error) => assert!(format!("{error:?}").contains("WrongNumElements"), "{what}"),
    }
}

/// Each operation with sizes that do not fit.
pub(in crate::device) fn misfits<E: Dtype, D: Layers<E>>() {
    convolutions::<E, D>();
    norms::<E, D>();
    pools::<E, D>();
    linears::<E, D>();
    subsamples::<E, D>();
}

fn convolutions<E: Dtype, D: Layers<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(11));
    let three = Window::new(3);
    let huge = |dilation, padding| Window {
        dilation,
        padding,
        ..three
    };
    let cases = [
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
    ];
    for (what, x, weight, window, groups) in cases {
        let x: Image<E, D> = numbers.tensor(&dev, x);
        let weight = numbers.tensor(&dev, weight);
        let outcome = D::try_conv2d(x.clone(), &weight, window, groups);
        refused(what, outcome);
        let affine = affine::<E, D>(&mut numbers, &dev, 2);
        let outcome = D::try_conv2d_batch_norm(x, &weight, window, groups, &affine, Tail::NONE);
        refused(what, outcome);
    }
    let x: Image<E, D> = numbers.tensor(&dev, (2, 4, 5, 5));
    let weight = numbers.tensor(&dev, (2, 4, 3, 3));
    let affine = affine::<E, D>(&mut numbers, &dev, 3);
    let outcome = D::try_conv2d_batch_norm(x, &weight, three, 1, &affine, Tail::NONE);
    refused("scale after a convolution", outcome);
}

fn affine<E: Dtype, D: Layers<E>>(numbers: &mut Numbers, dev: &D, channels: usize) -> Affine<E, D> {
    Affine {
        scale: numbers.tensor(dev, (channels,)),
        bias: numbers.tensor(dev, (channels,)),
        epsilon: 1e-5,
    }
}

fn norms<E: Dtype, D: Layers<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(12));
    let x: Image<E, D> = numbers.tensor(&dev, (2, 3, 2, 2));
    let (right, wrong) = (
        affine::<E, D>(&mut numbers, &dev, 3),
        affine::<E, D>(&mut numbers, &dev, 2),
    );
    let mixed = Affine {
        bias: wrong.bias.clone(),
        ..right.clone()
    };
    let (mean, short) = (right.bias.clone(), wrong.bias.clone());
    for (what, affine) in [("scale", &wrong), ("bias", &mixed)] {
        let outcome = D::try_batch_norm(x.clone(), affine, Tail::NONE);
        refused(what, outcome);
        let outcome = D::try_normalize(x.clone(), affine, &mean, &mean, Tail::NONE);
        refused(what, outcome);
    }
    let outcome = D::try_normalize(x.clone(), &right, &short, &mean, Tail::NONE);
    refused("mean", outcome);
    let outcome = D::try_normalize(x.clone(), &right, &mean, &short, Tail::NONE);
    refused("variance", outcome);
    refused("bias", D::try_bias(x.clone(), &short, false));
    // As many numbers, in another shape.
    let other: Image<E, D> = numbers.tensor(&dev, (2, 3, 4, 1));
    let residual = || Tail {
        residual: Some(other.clone()),
        relu: false,
    };
    refused("residual", D::try_batch_norm(x.clone(), &right, residual()));
    let outcome = D::try_normalize(x, &right, &mean, &mean, residual());
    refused("residual", outcome);
    // A shape without channels.
    let flat = numbers.tensor::<_, E, _>(&dev, (3,));
    let outcome = D::try_batch_norm(flat.clone(), &right, Tail::NONE);
    refused("no channels", outcome);
    let outcome = D::try_normalize(flat.clone(), &right, &mean, &mean, Tail::NONE);
    refused("no channels", outcome);
    refused("no channels", D::try_bias(flat, &mean, false));
}

fn pools<E: Dtype, D: Layers<E>>() {
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

fn linears<E: Dtype, D: Layers<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(14));
    let x = numbers.tensor::<_, E, _>(&dev, (4, 3));
    let weight = numbers.tensor(&dev, (2, 4));
    refused("features", D::try_linear(x.clone(), &weight, None, false));
    let weight = numbers.tensor(&dev, (2, 3));
    let bias = numbers.tensor(&dev, (3,));
    refused("bias", D::try_linear(x, &weight, Some(&bias), true));
}

fn subsamples<E: Dtype, D: Layers<E>>() {
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
