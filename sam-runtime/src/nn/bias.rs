//! A number for each channel.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::shape::{ImagesFor, erase, restore};
use crate::device::Layers;

/// Adds a number to each channel of images of `C` channels, (batch, `C`, height, width): the bias of a
/// convolution before it. Begins at 0. dfdx's `Bias2D`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bias2D<const C: usize>;

/// [`Bias2D`], then ReLU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bias2DReLU<const C: usize>;

pub(super) mod module {
    use super::*;

    /// See [`Bias2D`](super::Bias2D). `RELU` says whether ReLU follows.
    #[derive(Clone, Debug)]
    pub struct ChannelBias<const C: usize, const RELU: bool, E: Dtype, D: Storage<E>> {
        /// The summands: (`C`,).
        pub bias: Tensor<Rank1<C>, E, D>,
    }

    /// See [`Bias2D`](super::Bias2D).
    pub type Bias2D<const C: usize, E, D> = ChannelBias<C, false, E, D>;
    /// See [`Bias2DReLU`](super::Bias2DReLU).
    pub type Bias2DReLU<const C: usize, E, D> = ChannelBias<C, true, E, D>;
}

use module::ChannelBias;

impl<const C: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E> for Bias2D<C> {
    type Built = ChannelBias<C, false, E, D>;
}

impl<const C: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E> for Bias2DReLU<C> {
    type Built = ChannelBias<C, true, E, D>;
}

impl<const C: usize, const RELU: bool, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for ChannelBias<C, RELU, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = ChannelBias<C, RELU, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let bias = Self::tensor(
            "bias",
            |s| &s.bias,
            |s| &mut s.bias,
            TensorOptions::reset_to_zeros(),
        );
        visitor.visit_fields(bias, |bias| ChannelBias { bias })
    }
}

impl<const C: usize, const RELU: bool, E: Dtype, D: Storage<E>> NonMutableModule
    for ChannelBias<C, RELU, E, D>
{
}

impl<const C: usize, const RELU: bool, E, D, X> Module<X> for ChannelBias<C, RELU, E, D>
where
    E: Dtype,
    D: Layers<E>,
    X: ImagesFor<Self, C, E, D>,
{
    type Output = Tensor<(X::Batch, Const<C>, X::Height, X::Width), E, D, X::Tape>;
    type Error = D::Err;

    fn try_forward(&self, x: X) -> Result<Self::Output, D::Err> {
        restore(D::try_bias(x.erase(), &erase(self.bias.clone()), RELU)?)
    }
}
