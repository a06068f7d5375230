//! Pooling, and images into vectors. These layers learn nothing.

use dfdx::prelude::*;

use super::{
    dims::{Flat, Slide, length},
    shape::{Out, erase, misfit, restore, window},
};
use crate::device::{LayerTape, Layers, Pool};

macro_rules! pool {
    ($(#[$doc:meta])* $name:ident, $pool:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name<const K: usize, const S: usize = 1, const P: usize = 0, const L: usize = 1>;

        impl<const K: usize, const S: usize, const P: usize, const L: usize> ZeroSizedModule
            for $name<K, S, P, L>
        {
        }

        impl<const K: usize, const S: usize, const P: usize, const L: usize> NonMutableModule
            for $name<K, S, P, L>
        {
        }

        impl<const K: usize, const S: usize, const P: usize, const L: usize, B, C, H, W, E, D, T>
            Module<Tensor<(B, C, H, W), E, D, T>> for $name<K, S, P, L>
        where
            B: Dim,
            C: Dim,
            H: Slide<K, S, P, L>,
            W: Slide<K, S, P, L>,
            E: Dtype,
            D: Layers<E>,
            T: LayerTape<E, D>,
        {
            type Output = Tensor<(B, C, Out<H, K, S, P, L>, Out<W, K, S, P, L>), E, D, T>;
            type Error = D::Err;

            fn try_forward(&self, x: Tensor<(B, C, H, W), E, D, T>) -> Result<Self::Output, D::Err> {
                restore(D::try_pool2d(erase(x), $pool, window::<K, S, P, L>())?)
            }
        }
    };
}

pool! {
    /// The largest number of each window of `K` x `K` taps, with stride `S`, padding `P` and dilation
    /// `L`. Padding is never the largest; of several equal ones the first gets the gradient. PyTorch's
    /// `MaxPool2d`. Sides become what [`Slide`] says.
    ///
    /// ```
    /// use dfdx::prelude::*;
    /// use sam_runtime::nn::MaxPool2D;
    ///
    /// let dev = Cpu::default();
    /// let x = dev.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]);
    /// let y: Tensor<Rank4<1, 1, 1, 1>, f32, _> = MaxPool2D::<2, 2>.forward(x);
    /// assert_eq!(y.array(), [[[[4.0]]]]);
    /// ```
    MaxPool2D, Pool::Max
}

pool! {
    /// The mean of each window of `K` x `K` taps, with stride `S`, padding `P` and dilation `L`. Padding
    /// counts as zeros. PyTorch's `AvgPool2d`. Sides become what [`Slide`] says.
    AvgPool2D, Pool::Avg
}

/// The mean of each channel: (batch, channels, height, width) to (batch, channels).
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::GlobalAvgPool2D;
///
/// let dev = Cpu::default();
/// let x = dev.tensor([[[[1.0, 2.0], [4.0, 5.0]]]]);
/// let y: Tensor<Rank2<1, 1>, f32, _> = GlobalAvgPool2D.forward(x);
/// assert_eq!(y.array(), [[3.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalAvgPool2D;

impl ZeroSizedModule for GlobalAvgPool2D {}
impl NonMutableModule for GlobalAvgPool2D {}

impl<B: Dim, C: Dim, H: Dim, W: Dim, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<Tensor<(B, C, H, W), E, D, T>> for GlobalAvgPool2D
{
    type Output = Tensor<(B, C), E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<(B, C, H, W), E, D, T>) -> Result<Self::Output, D::Err> {
        restore(D::try_global_avg_pool(erase(x))?)
    }
}

/// Images into vectors: (batch, channels, height, width) to (batch, channels x height x width). See
/// [`Flat`] for the images whose length is known.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::Flatten2D;
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<10, 32, 7, 7>, f32, _> = dev.sample_normal();
/// let y: Tensor<Rank2<10, 1568>, f32, _> = Flatten2D.forward(x);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flatten2D;

impl ZeroSizedModule for Flatten2D {}
impl NonMutableModule for Flatten2D {}

impl<B: Dim, C: Dim, H: Dim, W: Dim, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<Tensor<(B, C, H, W), E, D, T>> for Flatten2D
where
    (C, H, W): Flat,
{
    type Output = Tensor<(B, <(C, H, W) as Flat>::Length), E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<(B, C, H, W), E, D, T>) -> Result<Self::Output, D::Err> {
        let (batch, channels, height, width) = *x.shape();
        let length = length(&channels, &height, &width);
        match Dim::from_size(length) {
            Some(length) => x.try_reshape_like(&(batch, length)),
            None => Err(misfit(x.device())),
        }
    }
}
