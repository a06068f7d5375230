//! Sizes that do not fit together, and what they are answered with.

use dfdx::{prelude::Device, shapes::Dtype};

use super::{
    implementation::{Implementation, Outcome},
    numbers::Numbers,
};
use crate::device::{Affine, Image, Pool, Tail, Window};

/// An error for a wrong number of elements, and no other.
fn refused<X, E: Dtype, D: Device<E>>(what: &str, outcome: Outcome<X, D>) {
    match outcome {
        Ok(_) => panic!("{what} was accepted"),
        Err(error) => assert!(format!("{error:?}").contains("WrongNumElements"), "{what}"),
    }
}

/// Each operation with sizes that do not fit.
pub(in crate::device) fn misfits<E: Dtype, I: Implementation<E>>() {
    convolutions::<E, I>();
    norms::<E, I>();
    pools::<E, I>();
    linears::<E, I>();
}

fn convolutions<E: Dtype, I: Implementation<E>>() {
    let (dev, mut numbers) = (I::Device::default(), Numbers::new(11));
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
        let x: Image<E, I::Device> = numbers.tensor(&dev, x);
        let weight = numbers.tensor(&dev, weight);
        let outcome = I::conv2d(x.clone(), &weight, window, groups);
        refused::<_, E, I::Device>(what, outcome);
        let affine = affine::<E, I>(&mut numbers, &dev, 2);
        let outcome = I::conv2d_batch_norm(x, &weight, window, groups, &affine, Tail::NONE);
        refused::<_, E, I::Device>(what, outcome);
    }
    let x: Image<E, I::Device> = numbers.tensor(&dev, (2, 4, 5, 5));
    let weight = numbers.tensor(&dev, (2, 4, 3, 3));
    let affine = affine::<E, I>(&mut numbers, &dev, 3);
    let outcome = I::conv2d_batch_norm(x, &weight, three, 1, &affine, Tail::NONE);
    refused::<_, E, I::Device>("scale after a convolution", outcome);
}

fn affine<E: Dtype, I: Implementation<E>>(
    numbers: &mut Numbers,
    dev: &I::Device,
    channels: usize,
) -> Affine<E, I::Device> {
    Affine {
        scale: numbers.tensor(dev, (channels,)),
        bias: numbers.tensor(dev, (channels,)),
        epsilon: 1e-5,
    }
}

fn norms<E: Dtype, I: Implementation<E>>() {
    let (dev, mut numbers) = (I::Device::default(), Numbers::new(12));
    let x: Image<E, I::Device> = numbers.tensor(&dev, (2, 3, 2, 2));
    let (right, wrong) = (
        affine::<E, I>(&mut numbers, &dev, 3),
        affine::<E, I>(&mut numbers, &dev, 2),
    );
    let mixed = Affine {
        bias: wrong.bias.clone(),
        ..right.clone()
    };
    let (mean, short) = (right.bias.clone(), wrong.bias.clone());
    for (what, affine) in [("scale", &wrong), ("bias", &mixed)] {
        let outcome = I::batch_norm(x.clone(), affine, Tail::NONE);
        refused::<_, E, I::Device>(what, outcome);
        let outcome = I::normalize(x.clone(), affine, &mean, &mean, Tail::NONE);
        refused::<_, E, I::Device>(what, outcome);
    }
    let outcome = I::normalize(x.clone(), &right, &short, &mean, Tail::NONE);
    refused::<_, E, I::Device>("mean", outcome);
    let outcome = I::normalize(x.clone(), &right, &mean, &short, Tail::NONE);
    refused::<_, E, I::Device>("variance", outcome);
    refused::<_, E, I::Device>("bias", I::bias(x.clone(), &short, false));
    // As many numbers, in another shape.
    let other: Image<E, I::Device> = numbers.tensor(&dev, (2, 3, 4, 1));
    let residual = || Tail {
        residual: Some(other.clone()),
        relu: false,
    };
    refused::<_, E, I::Device>("residual", I::batch_norm(x.clone(), &right, residual()));
    let outcome = I::normalize(x, &right, &mean, &mean, residual());
    refused::<_, E, I::Device>("residual", outcome);
    // A shape without channels.
    let flat = numbers.tensor::<_, E, _>(&dev, (3,));
    let outcome = I::batch_norm(flat.clone(), &right, Tail::NONE);
    refused::<_, E, I::Device>("no channels", outcome);
    let outcome = I::normalize(flat.clone(), &right, &mean, &mean, Tail::NONE);
    refused::<_, E, I::Device>("no channels", outcome);
    refused::<_, E, I::Device>("no channels", I::bias(flat, &mean, false));
}

fn pools<E: Dtype, I: Implementation<E>>() {
    let (dev, mut numbers) = (I::Device::default(), Numbers::new(13));
    let x: Image<E, I::Device> = numbers.tensor(&dev, (1, 2, 4, 2));
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
            let outcome = I::pool2d(x.clone(), pool, window);
            refused::<_, E, I::Device>(&format!("{pool:?}, {window:?}"), outcome);
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
        let outcome = I::pool2d(x.clone(), Pool::Max, window);
        refused::<_, E, I::Device>(&format!("{window:?}"), outcome);
    }
}

fn linears<E: Dtype, I: Implementation<E>>() {
    let (dev, mut numbers) = (I::Device::default(), Numbers::new(14));
    let x = numbers.tensor::<_, E, _>(&dev, (4, 3));
    let weight = numbers.tensor(&dev, (2, 4));
    refused::<_, E, I::Device>("features", I::linear(x.clone(), &weight, None, false));
    let weight = numbers.tensor(&dev, (2, 3));
    let bias = numbers.tensor(&dev, (3,));
    refused::<_, E, I::Device>("bias", I::linear(x, &weight, Some(&bias), true));
}
