//! A bias for each channel.

use dfdx::{
    nn::{BuildOnDevice, Module, ModuleVisitor, NonMutableModule, TensorCollection, TensorOptions},
    prelude::Device,
    shapes::{Dtype, Rank1},
    tensor::{Storage, Tensor},
};

use super::{
    applied,
    cast::cast,
    shape_bounds::{ChannelsOf, ImageShape},
};
use crate::device::{Image, LayerTape, Layers};

pub(super) mod builder {
    //! What a network names.

    /// A number added to each of `C` channels; see [`modules::Bias2D`](crate::nn::modules::Bias2D).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Bias2D<const C: usize>;

    /// [`Bias2D`], then ReLU; see [`modules::Bias2DReLU`](crate::nn::modules::Bias2DReLU).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Bias2DReLU<const C: usize>;
}

/// Adds a number to each channel of (batch, `C`, h, w). It starts at 0.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::{Bias2D, Conv2D}};
///
/// let dev = Cpu::default();
/// let conv = dev.build_module::<(Conv2D<1, 4, 5>, Bias2D<4>), f32>();
/// let x: Tensor<Rank4<2, 1, 28, 28>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank4<2, 4, 24, 24>, f32, _> = conv.forward(x);
/// ```
#[derive(Clone, Debug)]
pub struct Bias2D<const C: usize, E: Dtype, D: Storage<E>> {
    /// The number of each channel: (`C`,).
    pub bias: Tensor<Rank1<C>, E, D>,
}

impl<const C: usize, E: Dtype, D: Layers<E>> Bias2D<C, E, D> {
    fn add<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        relu: bool,
    ) -> Result<Image<E, D, T>, D::Err> {
        applied::bias(x, &cast(self.bias.clone())?, relu)
    }
}

/// [`Bias2D`], then ReLU, in one pass over memory.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::Bias2DReLU};
///
/// let dev = Cpu::default();
/// let bias = dev.build_module::<Bias2DReLU<2>, f32>();
/// let x: Tensor<Rank4<1, 2, 1, 2>, f32, _> = dev.tensor([[[[-1.0, 2.0]], [[3.0, -4.0]]]]);
/// assert_eq!(bias.forward(x).array(), [[[[0.0, 2.0]], [[3.0, 0.0]]]]);
/// ```
#[derive(Clone, Debug)]
pub struct Bias2DReLU<const C: usize, E: Dtype, D: Storage<E>> {
    /// The bias.
    pub bias: Bias2D<C, E, D>,
}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Bias2D<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Bias2D<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor(
                "bias",
                |s| &s.bias,
                |s| &mut s.bias,
                TensorOptions::reset_to_zeros(),
            ),
            |bias| Bias2D { bias },
        )
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Bias2DReLU<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Bias2DReLU<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(Self::module("bias", |s| &s.bias, |s| &mut s.bias), |bias| {
            Bias2DReLU { bias }
        })
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> BuildOnDevice<D, E> for builder::Bias2D<C> {
    type Built = Bias2D<C, E, D>;
}

impl<const C: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>>
    for Bias2D<C, E, D>
where
    Sh: ImageShape<builder::Bias2D<C>>,
    Sh::Channels: ChannelsOf<C, builder::Bias2D<C>>,
{
    type Output = Tensor<Sh, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(self.add(cast(x)?, false)?)
    }
}

impl<const C: usize, E: Dtype, D: Storage<E>> NonMutableModule for Bias2D<C, E, D> {}

impl<const C: usize, E: Dtype, D: Device<E>> BuildOnDevice<D, E> for builder::Bias2DReLU<C> {
    type Built = Bias2DReLU<C, E, D>;
}

impl<const C: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>>
    for Bias2DReLU<C, E, D>
where
    Sh: ImageShape<builder::Bias2DReLU<C>>,
    Sh::Channels: ChannelsOf<C, builder::Bias2DReLU<C>>,
{
    type Output = Tensor<Sh, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(self.bias.add(cast(x)?, true)?)
    }
}

impl<const C: usize, E: Dtype, D: Storage<E>> NonMutableModule for Bias2DReLU<C, E, D> {}
