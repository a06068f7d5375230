//! A bias against its definition, and against dfdx's own sum.

use std::marker::PhantomData;

use dfdx::{
    shapes::{Axes2, Dtype, HasShape, Shape},
    tensor::Tensor,
    tensor_ops::{BroadcastTo, TryAdd},
};

use super::TryBias;
use crate::device::{
    Channels, Image, LayerTape,
    layers::checks::{
        Numbers, Operation, Ranked, by_channel, check, check_shared, on_every_device, refused,
        relu, strided_images, three,
    },
};

on_every_device! { bias, strided, misfits, as_dfdx_does }

struct Bias<S: Shape, E: Dtype, D: TryBias<E>> {
    bias: Channels<E, D>,
    relu: bool,
    shape: PhantomData<S>,
}

impl<S: Ranked, E: Dtype, D: TryBias<E>> Operation<E, D> for Bias<S, E, D> {
    type In = S;
    type Out = S;

    fn run<T: LayerTape<E, D>>(&self, x: Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, D::Err> {
        D::try_bias(x, &self.bias, self.relu)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        vec![self.bias.clone()]
    }

    fn naive(&self, shape: &S, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let y = by_channel(x, three(shape), |c, v| v + parameters[0][c]);
        relu(y, self.relu)
    }
}

fn bias<E: Dtype, D: TryBias<E>>() {
    bias_of::<_, E, D>((4, 3));
    bias_of::<_, E, D>((2, 3, 4));
    bias_of::<_, E, D>((2, 3, 3, 5));
}

fn bias_of<S: Ranked, E: Dtype, D: TryBias<E>>(shape: S) {
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

fn strided<E: Dtype, D: TryBias<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    for (label, x, times) in strided_images(&mut numbers, &dev) {
        let op = Bias::<_, E, D> {
            bias: numbers.tensor(&dev, (x.shape().1,)),
            relu: true,
            shape: PhantomData,
        };
        check_shared(label, &op, &x, times);
    }
}

fn misfits<E: Dtype, D: TryBias<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(12));
    let x: Image<E, D> = numbers.tensor(&dev, (2, 3, 2, 2));
    let (right, short) = (numbers.tensor(&dev, (3,)), numbers.tensor(&dev, (2,)));
    refused("bias", D::try_bias(x, &short, false));
    // A shape without channels.
    let flat = numbers.tensor::<_, E, _>(&dev, (3,));
    refused("no channels", D::try_bias(flat, &right, false));
}

type Three = (usize, usize, usize);

/// [`Bias`], out of dfdx's operations.
struct OfDfdx<E: Dtype, D: TryBias<E>>(Bias<Three, E, D>);

impl<E: Dtype, D: TryBias<E>> Operation<E, D> for OfDfdx<E, D> {
    type In = Three;
    type Out = Three;

    fn run<T: LayerTape<E, D>>(
        &self,
        x: Tensor<Three, E, D, T>,
    ) -> Result<Tensor<Three, E, D, T>, D::Err> {
        let bias = self.0.bias.retaped::<T>();
        let bias = bias.try_broadcast_like::<_, Axes2<0, 2>>(x.shape())?;
        x.try_add(bias)?.try_relu()
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        self.0.parameters()
    }

    fn naive(&self, shape: &Three, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        self.0.naive(shape, x, parameters)
    }
}

fn as_dfdx_does<E: Dtype, D: TryBias<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(16));
    let op = Bias {
        bias: numbers.tensor(&dev, (3,)),
        relu: true,
        shape: PhantomData,
    };
    check::<E, D, _>("dfdx", &OfDfdx(op), &numbers.tensor(&dev, (4, 3, 6)));
}
