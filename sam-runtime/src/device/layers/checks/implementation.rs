//! An implementation under test: the functions of [`Layers`], whoever has them.

use std::marker::PhantomData;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{HasErr, Tensor},
};

use crate::device::{
    Affine, Channels, Image, LayerTape, Layers, Moments, Pool, Rows, Tail, Window,
};

/// A result of the device.
pub(in crate::device) type Outcome<X, D> = Result<X, <D as HasErr>::Err>;

/// What [`Layers`] asks of a device, as a type of its own: a device may have several.
#[allow(clippy::type_complexity)]
pub(in crate::device) trait Implementation<E: Dtype> {
    type Device: Device<E>;

    fn conv2d<T: LayerTape<E, Self::Device>>(
        x: Image<E, Self::Device, T>,
        weight: &Image<E, Self::Device>,
        window: Window,
        groups: usize,
    ) -> Outcome<Image<E, Self::Device, T>, Self::Device>;

    fn batch_norm<S: Shape, T: LayerTape<E, Self::Device>>(
        x: Tensor<S, E, Self::Device, T>,
        affine: &Affine<E, Self::Device>,
        tail: Tail<Tensor<S, E, Self::Device, T>>,
    ) -> Outcome<(Tensor<S, E, Self::Device, T>, Moments<E, Self::Device>), Self::Device>;

    fn conv2d_batch_norm<T: LayerTape<E, Self::Device>>(
        x: Image<E, Self::Device, T>,
        weight: &Image<E, Self::Device>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self::Device>,
        tail: Tail<Image<E, Self::Device, T>>,
    ) -> Outcome<(Image<E, Self::Device, T>, Moments<E, Self::Device>), Self::Device> {
        Self::batch_norm(Self::conv2d(x, weight, window, groups)?, affine, tail)
    }

    fn normalize<S: Shape, T: LayerTape<E, Self::Device>>(
        x: Tensor<S, E, Self::Device, T>,
        affine: &Affine<E, Self::Device>,
        mean: &Channels<E, Self::Device>,
        variance: &Channels<E, Self::Device>,
        tail: Tail<Tensor<S, E, Self::Device, T>>,
    ) -> Outcome<Tensor<S, E, Self::Device, T>, Self::Device>;

    fn bias<S: Shape, T: LayerTape<E, Self::Device>>(
        x: Tensor<S, E, Self::Device, T>,
        bias: &Channels<E, Self::Device>,
        relu: bool,
    ) -> Outcome<Tensor<S, E, Self::Device, T>, Self::Device>;

    fn pool2d<T: LayerTape<E, Self::Device>>(
        x: Image<E, Self::Device, T>,
        pool: Pool,
        window: Window,
    ) -> Outcome<Image<E, Self::Device, T>, Self::Device>;

    fn global_avg_pool<T: LayerTape<E, Self::Device>>(
        x: Image<E, Self::Device, T>,
    ) -> Outcome<Rows<E, Self::Device, T>, Self::Device>;

    fn linear<T: LayerTape<E, Self::Device>>(
        x: Rows<E, Self::Device, T>,
        weight: &Rows<E, Self::Device>,
        bias: Option<&Channels<E, Self::Device>>,
        relu: bool,
    ) -> Outcome<Rows<E, Self::Device, T>, Self::Device>;
}

/// The device's own: what its [`Layers`] does.
pub(in crate::device) struct Own<D>(PhantomData<D>);

impl<E: Dtype, D: Layers<E>> Implementation<E> for Own<D> {
    type Device = D;

    fn conv2d<T: LayerTape<E, D>>(
        x: Image<E, D, T>,
        weight: &Image<E, D>,
        window: Window,
        groups: usize,
    ) -> Outcome<Image<E, D, T>, D> {
        D::try_conv2d(x, weight, window, groups)
    }

    fn batch_norm<S: Shape, T: LayerTape<E, D>>(
        x: Tensor<S, E, D, T>,
        affine: &Affine<E, D>,
        tail: Tail<Tensor<S, E, D, T>>,
    ) -> Outcome<(Tensor<S, E, D, T>, Moments<E, D>), D> {
        D::try_batch_norm(x, affine, tail)
    }

    fn conv2d_batch_norm<T: LayerTape<E, D>>(
        x: Image<E, D, T>,
        weight: &Image<E, D>,
        window: Window,
        groups: usize,
        affine: &Affine<E, D>,
        tail: Tail<Image<E, D, T>>,
    ) -> Outcome<(Image<E, D, T>, Moments<E, D>), D> {
        D::try_conv2d_batch_norm(x, weight, window, groups, affine, tail)
    }

    fn normalize<S: Shape, T: LayerTape<E, D>>(
        x: Tensor<S, E, D, T>,
        affine: &Affine<E, D>,
        mean: &Channels<E, D>,
        variance: &Channels<E, D>,
        tail: Tail<Tensor<S, E, D, T>>,
    ) -> Outcome<Tensor<S, E, D, T>, D> {
        D::try_normalize(x, affine, mean, variance, tail)
    }

    fn bias<S: Shape, T: LayerTape<E, D>>(
        x: Tensor<S, E, D, T>,
        bias: &Channels<E, D>,
        relu: bool,
    ) -> Outcome<Tensor<S, E, D, T>, D> {
        D::try_bias(x, bias, relu)
    }

    fn pool2d<T: LayerTape<E, D>>(
        x: Image<E, D, T>,
        pool: Pool,
        window: Window,
    ) -> Outcome<Image<E, D, T>, D> {
        D::try_pool2d(x, pool, window)
    }

    fn global_avg_pool<T: LayerTape<E, D>>(x: Image<E, D, T>) -> Outcome<Rows<E, D, T>, D> {
        D::try_global_avg_pool(x)
    }

    fn linear<T: LayerTape<E, D>>(
        x: Rows<E, D, T>,
        weight: &Rows<E, D>,
        bias: Option<&Channels<E, D>>,
        relu: bool,
    ) -> Outcome<Rows<E, D, T>, D> {
        D::try_linear(x, weight, bias, relu)
    }
}
