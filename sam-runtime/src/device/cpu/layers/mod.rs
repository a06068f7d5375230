//! The layers' operations on host memory: the kernels beside this folder, wired to dfdx's tape.

mod conv;
mod fit;
mod linear;
mod norm;
mod pool;
#[cfg(test)]
mod precision;
#[cfg(test)]
mod tests;

use dfdx::{prelude::*, tensor::CpuError};

use super::simd::Real;
use crate::device::{
    Affine, Channels, Image, LayerTape, Layers, Normalized, Pool, Rows, Tail, Window,
};

impl<E: Real> Layers<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_conv2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
    ) -> Result<Image<E, Self, T>, CpuError> {
        conv::conv2d(x, weight, window, groups)
    }

    fn try_batch_norm<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Normalized<Tensor<S, E, Self, T>, E, Self> {
        norm::batch_norm(x, affine, tail)
    }

    fn try_conv2d_batch_norm<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
    ) -> Normalized<Image<E, Self, T>, E, Self> {
        conv::conv2d_batch_norm(x, weight, window, groups, affine, tail)
    }

    fn try_normalize<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        mean: &Channels<E, Self>,
        variance: &Channels<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<Tensor<S, E, Self, T>, CpuError> {
        norm::normalize(x, affine, mean, variance, tail)
    }

    fn try_bias<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        bias: &Channels<E, Self>,
        relu: bool,
    ) -> Result<Tensor<S, E, Self, T>, CpuError> {
        norm::bias(x, bias, relu)
    }

    fn try_pool2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        pool: Pool,
        window: Window,
    ) -> Result<Image<E, Self, T>, CpuError> {
        pool::pool2d(x, pool, window)
    }

    fn try_global_avg_pool<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
    ) -> Result<Rows<E, Self, T>, CpuError> {
        pool::global_avg_pool(x)
    }

    fn try_subsample<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        stride: usize,
        outputs: usize,
        before: usize,
    ) -> Result<Image<E, Self, T>, CpuError> {
        pool::subsample(x, stride, outputs, before)
    }

    fn try_linear<T: LayerTape<E, Self>>(
        x: Rows<E, Self, T>,
        weight: &Rows<E, Self>,
        bias: Option<&Channels<E, Self>>,
        relu: bool,
    ) -> Result<Rows<E, Self, T>, CpuError> {
        linear::linear(x, weight, bias, relu)
    }
}
