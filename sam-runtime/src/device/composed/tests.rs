//! The composed operations on the host, against loops and finite differences.

use std::marker::PhantomData;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{Cpu, HasErr, Tensor},
};

use crate::device::{
    Affine, Channels, Image, LayerTape, Moments, Pool, Rows, Tail, Window,
    layers::checks::{Implementation, battery},
};

/// The operations of this module, on any device.
struct Composed<D>(PhantomData<D>);

type Outcome<X, D> = Result<X, <D as HasErr>::Err>;

impl<E: Dtype, D: Device<E>> Implementation<E> for Composed<D> {
    type Device = D;

    fn conv2d<T: LayerTape<E, D>>(
        x: Image<E, D, T>,
        weight: &Image<E, D>,
        window: Window,
        groups: usize,
    ) -> Outcome<Image<E, D, T>, D> {
        super::conv2d(x, weight, window, groups)
    }

    fn batch_norm<S: Shape, T: LayerTape<E, D>>(
        x: Tensor<S, E, D, T>,
        affine: &Affine<E, D>,
        tail: Tail<Tensor<S, E, D, T>>,
    ) -> Outcome<(Tensor<S, E, D, T>, Moments<E, D>), D> {
        super::batch_norm(x, affine, tail)
    }

    fn normalize<S: Shape, T: LayerTape<E, D>>(
        x: Tensor<S, E, D, T>,
        affine: &Affine<E, D>,
        mean: &Channels<E, D>,
        variance: &Channels<E, D>,
        tail: Tail<Tensor<S, E, D, T>>,
    ) -> Outcome<Tensor<S, E, D, T>, D> {
        super::normalize(x, affine, mean, variance, tail)
    }

    fn bias<S: Shape, T: LayerTape<E, D>>(
        x: Tensor<S, E, D, T>,
        bias: &Channels<E, D>,
        relu: bool,
    ) -> Outcome<Tensor<S, E, D, T>, D> {
        super::bias(x, bias, relu)
    }

    fn pool2d<T: LayerTape<E, D>>(
        x: Image<E, D, T>,
        pool: Pool,
        window: Window,
    ) -> Outcome<Image<E, D, T>, D> {
        super::pool2d(x, pool, window)
    }

    fn global_avg_pool<T: LayerTape<E, D>>(x: Image<E, D, T>) -> Outcome<Rows<E, D, T>, D> {
        super::global_avg_pool(x)
    }

    fn linear<T: LayerTape<E, D>>(
        x: Rows<E, D, T>,
        weight: &Rows<E, D>,
        bias: Option<&Channels<E, D>>,
        relu: bool,
    ) -> Outcome<Rows<E, D, T>, D> {
        super::linear(x, weight, bias, relu)
    }
}

mod of_f64 {
    use super::*;
    battery!(Composed<Cpu>, f64);
}

mod of_f32 {
    use super::*;
    battery!(Composed<Cpu>, f32);
}
