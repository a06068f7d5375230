//! Linear layers.

use dfdx::{
    nn::{BuildOnDevice, Module, ModuleVisitor, NonMutableModule, TensorCollection, TensorOptions},
    prelude::Device,
    shapes::{Const, Dtype, Rank1, Rank2},
    tensor::{Storage, Tensor},
};

use super::{
    applied,
    cast::cast,
    init,
    shape_bounds::{FeaturesOf, RowShape},
};
use crate::device::{LayerTape, Layers, Rows};

pub(super) mod builder {
    //! What a network names.

    /// A linear layer from `I` to `O` features; see [`modules::Linear`](crate::nn::modules::Linear).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Linear<const I: usize, const O: usize>;

    /// [`Linear`], then ReLU; see [`modules::LinearReLU`](crate::nn::modules::LinearReLU).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct LinearReLU<const I: usize, const O: usize>;
}

/// `x weight^T + bias`: (batch, `I`) to (batch, `O`).
///
/// As dfdx's and PyTorch's; both parameters start uniform in `±1 / sqrt(I)`.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::Linear};
///
/// let dev = Cpu::default();
/// let linear = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<(usize, Const<4>), f32, _> = dev.sample_normal_like(&(3, Const));
/// let y: Tensor<(usize, Const<2>), f32, _> = linear.forward(x);
/// assert_eq!(y.shape().0, 3);
/// ```
#[derive(Clone, Debug)]
pub struct Linear<const I: usize, const O: usize, E: Dtype, D: Storage<E>> {
    /// The weight: (`O`, `I`).
    pub weight: Tensor<Rank2<O, I>, E, D>,
    /// The bias: (`O`,).
    pub bias: Tensor<Rank1<O>, E, D>,
}

impl<const I: usize, const O: usize, E: Dtype, D: Layers<E>> Linear<I, O, E, D> {
    pub(super) fn apply<T: LayerTape<E, D>>(
        &self,
        x: Rows<E, D, T>,
        relu: bool,
    ) -> Result<Rows<E, D, T>, D::Err> {
        let bias = cast(self.bias.clone())?;
        applied::linear(x, &cast(self.weight.clone())?, &bias, relu)
    }
}

/// [`Linear`], then ReLU, in one pass over memory.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::{Linear, LinearReLU}};
///
/// let dev = Cpu::default();
/// let mlp = dev.build_module::<(LinearReLU<4, 8>, Linear<8, 2>), f32>();
/// let x: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank2<3, 2>, f32, _> = mlp.forward(x);
/// ```
#[derive(Clone, Debug)]
pub struct LinearReLU<const I: usize, const O: usize, E: Dtype, D: Storage<E>> {
    /// The linear layer.
    pub linear: Linear<I, O, E, D>,
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for Linear<I, O, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Linear<I, O, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor(
                    "weight",
                    |s| &s.weight,
                    |s| &mut s.weight,
                    TensorOptions::reset_with(|t| init::uniform(t, I)),
                ),
                Self::tensor(
                    "bias",
                    |s| &s.bias,
                    |s| &mut s.bias,
                    TensorOptions::reset_with(|t| init::uniform(t, I)),
                ),
            ),
            |(weight, bias)| Linear { weight, bias },
        )
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for LinearReLU<I, O, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = LinearReLU<I, O, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::module("linear", |s| &s.linear, |s| &mut s.linear),
            |linear| LinearReLU { linear },
        )
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> BuildOnDevice<D, E>
    for builder::Linear<I, O>
{
    type Built = Linear<I, O, E, D>;
}

impl<const I: usize, const O: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<Tensor<Sh, E, D, T>> for Linear<I, O, E, D>
where
    Sh: RowShape<builder::Linear<I, O>>,
    Sh::Features: FeaturesOf<I, builder::Linear<I, O>>,
{
    type Output = Tensor<Sh::Rows<Const<O>>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(self.apply(cast(x)?, false)?)
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for Linear<I, O, E, D>
{
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> BuildOnDevice<D, E>
    for builder::LinearReLU<I, O>
{
    type Built = LinearReLU<I, O, E, D>;
}

impl<const I: usize, const O: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<Tensor<Sh, E, D, T>> for LinearReLU<I, O, E, D>
where
    Sh: RowShape<builder::LinearReLU<I, O>>,
    Sh::Features: FeaturesOf<I, builder::LinearReLU<I, O>>,
{
    type Output = Tensor<Sh::Rows<Const<O>>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(self.linear.apply(cast(x)?, true)?)
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for LinearReLU<I, O, E, D>
{
}
