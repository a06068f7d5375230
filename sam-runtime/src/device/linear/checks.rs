//! Linear layers against their definition, and against dfdx's own product of matrices.

use dfdx::{
    shapes::{Axes2, Axis, Dtype, HasShape},
    tensor_ops::{BroadcastTo, PermuteTo, TryAdd, TryMatMul},
};

use super::TryLinear;
use crate::device::{
    Channels, LayerTape, Rows,
    layers::checks::{
        Numbers, Operation, Two, check, check_shared, flat, on_every_device, refused, relu,
    },
};

on_every_device! { linear, strided, misfits, as_dfdx_does }

struct Linear<E: Dtype, D: TryLinear<E>> {
    weight: Rows<E, D>,
    bias: Option<Channels<E, D>>,
    relu: bool,
}

impl<E: Dtype, D: TryLinear<E>> Operation<E, D> for Linear<E, D> {
    type In = Two;
    type Out = Two;

    fn run<T: LayerTape<E, D>>(&self, x: Rows<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        D::try_linear(x, &self.weight, self.bias.as_ref(), self.relu)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        let weight = flat(&self.weight);
        std::iter::once(weight).chain(self.bias.clone()).collect()
    }

    fn naive(&self, _: &Two, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let out = self.weight.shape().0;
        let y = naive(x, &parameters[0], parameters.get(1), out);
        relu(y, self.relu)
    }
}

fn naive(x: &[f64], weight: &[f64], bias: Option<&Vec<f64>>, out: usize) -> Vec<f64> {
    let features = weight.len() / out;
    let mut y = Vec::new();
    for row in x.chunks(features) {
        for o in 0..out {
            let terms = row.iter().zip(&weight[o * features..]);
            let sum: f64 = terms.map(|(a, b)| a * b).sum();
            y.push(sum + bias.map_or(0.0, |bias| bias[o]));
        }
    }
    y
}

fn linear<E: Dtype, D: TryLinear<E>>() {
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

fn strided<E: Dtype, D: TryLinear<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    let op = Linear::<E, D> {
        weight: numbers.tensor(&dev, (3, 4)),
        bias: Some(numbers.tensor(&dev, (3,))),
        relu: false,
    };
    let x: Rows<E, D> = numbers.tensor(&dev, (4, 5)).permute();
    check("turned rows", &op, &x);
    let row: Channels<E, D> = numbers.tensor(&dev, (4,));
    let rows = row.broadcast_like::<_, Axis<0>>(&(3, 4));
    check_shared("same rows", &op, &rows, 3);
}

fn misfits<E: Dtype, D: TryLinear<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(14));
    let x = numbers.tensor::<_, E, _>(&dev, (4, 3));
    let weight = numbers.tensor(&dev, (2, 4));
    refused("features", D::try_linear(x.clone(), &weight, None, false));
    let weight = numbers.tensor(&dev, (2, 3));
    let bias = numbers.tensor(&dev, (3,));
    refused("bias", D::try_linear(x, &weight, Some(&bias), true));
}

/// [`Linear`], out of dfdx's operations.
struct OfDfdx<E: Dtype, D: TryLinear<E>>(Linear<E, D>);

impl<E: Dtype, D: TryLinear<E>> Operation<E, D> for OfDfdx<E, D> {
    type In = Two;
    type Out = Two;

    fn run<T: LayerTape<E, D>>(&self, x: Rows<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let weight = self.0.weight.retaped::<T>();
        let y: Rows<E, D, T> = x.try_matmul(weight.try_permute::<_, Axes2<1, 0>>()?)?;
        let Some(bias) = &self.0.bias else {
            return Ok(y);
        };
        let bias = bias.retaped::<T>();
        let bias = bias.try_broadcast_like::<_, Axis<0>>(y.shape())?;
        y.try_add(bias)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        self.0.parameters()
    }

    fn naive(&self, shape: &Two, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        self.0.naive(shape, x, parameters)
    }
}

fn as_dfdx_does<E: Dtype, D: TryLinear<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(16));
    let op = Linear {
        weight: numbers.tensor(&dev, (3, 5)),
        bias: Some(numbers.tensor(&dev, (3,))),
        relu: false,
    };
    check::<E, D, _>("dfdx", &OfDfdx(op), &numbers.tensor(&dev, (4, 5)));
}
