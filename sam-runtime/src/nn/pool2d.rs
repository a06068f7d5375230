//! Pools.

use dfdx::{
    nn::{Module, NonMutableModule, ZeroSizedModule},
    shapes::Dtype,
    tensor::Tensor,
};

use super::{
    applied,
    cast::cast,
    dims::Slide,
    shape_bounds::{ImageShape, Slid},
};
use crate::device::{LayerTape, Layers, Pool, Window};

/// The largest number of each window of `K` x `K`, in each channel by itself, with stride `S`,
/// padding `P` and dilation `L`: (batch, c, h, w) to (batch, c, h', w').
///
/// As in dfdx, the stride is 1 unless it is given. PyTorch's `MaxPool2d(2)` is
/// `MaxPool2D<2, 2>`. Padding is never the largest.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::MaxPool2D};
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 1, 2, 4>, f32, _> = dev.tensor([[[
///     [1.0, 2.0, -3.0, -4.0],
///     [0.0, 5.0, -6.0, -7.0],
/// ]]]);
/// assert_eq!(MaxPool2D::<2, 2>.forward(x).array(), [[[[5.0, -3.0]]]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaxPool2D<const K: usize, const S: usize = 1, const P: usize = 0, const L: usize = 1>;

impl<const K: usize, const S: usize, const P: usize, const L: usize> ZeroSizedModule
    for MaxPool2D<K, S, P, L>
{
}

impl<const K: usize, const S: usize, const P: usize, const L: usize> NonMutableModule
    for MaxPool2D<K, S, P, L>
{
}

impl<
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    Sh,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
> Module<Tensor<Sh, E, D, T>> for MaxPool2D<K, S, P, L>
where
    Sh: ImageShape<Self>,
    Sh::Height: Slide<K, S, P, L, Self>,
    Sh::Width: Slide<K, S, P, L, Self>,
{
    type Output = Tensor<Slid<Sh, Sh::Channels, K, S, P, L, Self>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        let window = Window {
            size: K,
            stride: S,
            padding: P,
            dilation: L,
        };
        cast(applied::pool2d(cast(x)?, Pool::Max, window)?)
    }
}

/// The mean of each window of `K` x `K`, in each channel by itself, with stride `S`, padding `P`
/// and dilation `L`: (batch, c, h, w) to (batch, c, h', w').
///
/// As in dfdx, the stride is 1 unless it is given. Padding counts as zeros, as in PyTorch's
/// `AvgPool2d`.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::AvgPool2D};
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 1, 2, 4>, f32, _> = dev.tensor([[[
///     [1.0, 2.0, -3.0, -4.0],
///     [0.0, 5.0, -6.0, -7.0],
/// ]]]);
/// assert_eq!(AvgPool2D::<2, 2>.forward(x).array(), [[[[2.0, -5.0]]]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvgPool2D<const K: usize, const S: usize = 1, const P: usize = 0, const L: usize = 1>;

impl<const K: usize, const S: usize, const P: usize, const L: usize> ZeroSizedModule
    for AvgPool2D<K, S, P, L>
{
}

impl<const K: usize, const S: usize, const P: usize, const L: usize> NonMutableModule
    for AvgPool2D<K, S, P, L>
{
}

impl<
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    Sh,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
> Module<Tensor<Sh, E, D, T>> for AvgPool2D<K, S, P, L>
where
    Sh: ImageShape<Self>,
    Sh::Height: Slide<K, S, P, L, Self>,
    Sh::Width: Slide<K, S, P, L, Self>,
{
    type Output = Tensor<Slid<Sh, Sh::Channels, K, S, P, L, Self>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        let window = Window {
            size: K,
            stride: S,
            padding: P,
            dilation: L,
        };
        cast(applied::pool2d(cast(x)?, Pool::Avg, window)?)
    }
}

/// The mean of each channel: (batch, c, h, w) to (batch, c).
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::GlobalAvgPool2D};
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 2, 1, 2>, f32, _> = dev.tensor([[[[1.0, 2.0]], [[3.0, 6.0]]]]);
/// assert_eq!(GlobalAvgPool2D.forward(x).array(), [[1.5, 4.5]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalAvgPool2D;

impl ZeroSizedModule for GlobalAvgPool2D {}
impl NonMutableModule for GlobalAvgPool2D {}

impl<Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>> for GlobalAvgPool2D
where
    Sh: ImageShape<Self>,
{
    type Output = Tensor<Sh::Rows<Sh::Channels>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(applied::global_avg_pool(cast(x)?)?)
    }
}
