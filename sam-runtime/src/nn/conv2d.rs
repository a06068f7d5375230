//! Convolution.

use dfdx::{
    nn::{BuildOnDevice, Module, ModuleVisitor, NonMutableModule, TensorCollection, TensorOptions},
    prelude::Device,
    shapes::{Const, Dtype},
    tensor::{Storage, Tensor},
};

use super::{
    applied,
    cast::cast,
    conv_spec::{ConvSizes, ConvSpec, Convolved},
    dims::Grouped,
    init,
};
use crate::device::{Image, LayerTape, Layers};

pub(super) mod builder {
    //! What a network names.

    use dfdx::shapes::Const;

    use super::Grouped;

    /// A convolution from `IN` to `OUT` channels by kernels of `K` x `K`, with stride `S`, padding
    /// `P`, dilation `L` and `G` groups; see [`modules::Conv2D`](crate::nn::modules::Conv2D).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Conv2D<
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize = 1,
        const P: usize = 0,
        const L: usize = 1,
        const G: usize = 1,
    >
    where
        Const<IN>: Grouped<G>;
}

/// A convolution without bias, as `Spec` names it (`nn::Conv2D<IN, OUT, K, S, P, L, G>`): (batch, `IN`, h, w) to
/// (batch, `OUT`, h', w').
///
/// As in dfdx and PyTorch (`Conv2d(IN, OUT, K, S, P, L, G, bias=False)`), the kernels are not
/// flipped, padding is zeros, and the weight starts uniform in `±sqrt(G / (IN K K))`. Sides can be
/// static or dynamic; [`Slide`](super::dims::Slide) says which static ones fit. A bias is a
/// [`Bias2D`](super::Bias2D) behind it.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::Conv2D};
///
/// let dev = Cpu::default();
/// // Stride 2, padding 1: half the side.
/// let conv = dev.build_module::<Conv2D<3, 16, 3, 2, 1>, f32>();
/// let x: Tensor<Rank4<8, 3, 32, 32>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank4<8, 16, 16, 16>, f32, _> = conv.forward(x);
/// ```
#[derive(Clone, Debug)]
pub struct Conv2D<Spec: ConvSpec, E: Dtype, D: Storage<E>> {
    /// The kernels: (`OUT`, `IN / G`, `K`, `K`).
    pub weight: Kernels<Spec, E, D>,
}

/// The weight of a convolution.
pub(super) type Kernels<Spec, E, D> =
    Tensor<<<Spec as ConvSpec>::Conv as ConvSizes>::Kernels, E, D>;

impl<Spec: ConvSpec, E: Dtype, D: Layers<E>> Conv2D<Spec, E, D> {
    /// The weight in dynamic sizes; the same memory, the same gradient.
    pub(super) fn kernels(&self) -> Result<Image<E, D>, D::Err> {
        cast(self.weight.clone())
    }

    pub(super) fn apply<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let (window, groups) = (Spec::Conv::WINDOW, Spec::Conv::GROUPS);
        applied::conv2d(x, &self.kernels()?, window, groups)
    }
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Device<E>,
> BuildOnDevice<D, E> for builder::Conv2D<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Built = Conv2D<Self, E, D>;
}

impl<Spec: ConvSpec, E: Dtype, D: Device<E>> TensorCollection<E, D> for Conv2D<Spec, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Conv2D<Spec, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor(
                "weight",
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(|t| init::uniform(t, Spec::Conv::FAN_IN)),
            ),
            |weight| Conv2D { weight },
        )
    }
}

impl<Spec: ConvSpec, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>>
    for Conv2D<Spec, E, D>
where
    Sh: Convolved<Spec::Conv, Spec>,
{
    type Output = Tensor<Sh::Out, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(self.apply(cast(x)?)?)
    }
}

impl<Spec: ConvSpec, E: Dtype, D: Storage<E>> NonMutableModule for Conv2D<Spec, E, D> {}
