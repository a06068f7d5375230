//! A convolution and the batch normalization behind it, as one layer.

use dfdx::{
    nn::{BuildOnDevice, Module, ModuleMut, ModuleVisitor, TensorCollection},
    prelude::Device,
    shapes::{Const, Dtype},
    tensor::{Storage, Tensor},
};

use super::{
    batch_norm::BatchNorm2D,
    cast::cast,
    conv_spec::{ConvSizes, ConvSpec, Convolved},
    conv2d::{Conv2D, Kernels},
    dims::Grouped,
    shape_bounds::{Evaluation, Training},
};
use crate::device::{Affine, ConvNorm, Image, LayerTape, Layers, Running, Tail, Window};

pub(super) mod builder {
    //! What a network names.

    use dfdx::shapes::Const;

    use super::Grouped;

    /// `Conv2D`, then `BatchNorm2D`; see
    /// [`modules::Conv2DBatchNorm`](crate::nn::modules::Conv2DBatchNorm).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Conv2DBatchNorm<
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

    /// `Conv2D`, then `BatchNorm2D`, then ReLU; see
    /// [`modules::Conv2DBatchNormReLU`](crate::nn::modules::Conv2DBatchNormReLU).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Conv2DBatchNormReLU<
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

/// The normalization of as many channels as a convolution puts out.
type NormOf<Spec, E, D> = BatchNorm2D<<<Spec as ConvSpec>::Conv as ConvSizes>::Out, E, D>;

/// [`Conv2D`] without bias, then [`BatchNorm2D`]: (batch, `IN`, h, w) to (batch, `OUT`, h', w').
///
/// The same as the two layers one after the other, in fewer passes over memory where the device
/// has them. `forward_mut` trains on a traced input, `forward` evaluates one without a tape.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::Conv2DBatchNorm};
///
/// let dev = Cpu::default();
/// let mut layer = dev.build_module::<Conv2DBatchNorm<3, 8, 3, 1, 1>, f32>();
/// let x: Tensor<Rank4<4, 3, 8, 8>, f32, _> = dev.sample_normal();
/// let y = layer.forward_mut(x.trace(layer.alloc_grads()));
/// assert!(y.mean::<Rank0, _>().array().abs() < 1e-5);
/// let _: Tensor<Rank4<4, 8, 8, 8>, f32, _> = layer.forward(x);
/// ```
#[derive(Clone, Debug)]
pub struct Conv2DBatchNorm<Spec: ConvSpec, E: Dtype, D: Storage<E>> {
    /// The convolution.
    pub conv: Conv2D<Spec, E, D>,
    /// The normalization of what comes out of it.
    pub norm: NormOf<Spec, E, D>,
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
> BuildOnDevice<D, E> for builder::Conv2DBatchNorm<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Built = Conv2DBatchNorm<Self, E, D>;
}

impl<Spec: ConvSpec, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for Conv2DBatchNorm<Spec, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Conv2DBatchNorm<Spec, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("conv", |s| &s.conv, |s| &mut s.conv),
                Self::module("norm", |s| &s.norm, |s| &mut s.norm),
            ),
            |(conv, norm)| Conv2DBatchNorm { conv, norm },
        )
    }
}

impl<Spec: ConvSpec, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>>
    for Conv2DBatchNorm<Spec, E, D>
where
    Sh: Convolved<Spec::Conv, Spec>,
    T: Evaluation<Spec>,
{
    type Output = Tensor<Sh::Out, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(evaluate(&self.conv, &self.norm, cast(x)?, Tail::NONE)?)
    }
}

impl<Spec: ConvSpec, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> ModuleMut<Tensor<Sh, E, D, T>>
    for Conv2DBatchNorm<Spec, E, D>
where
    Sh: Convolved<Spec::Conv, Spec>,
    T: Training<E, D, Spec>,
{
    type Output = Tensor<Sh::Out, E, D, T>;
    type Error = D::Err;

    fn try_forward_mut(&mut self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(train(&self.conv, &mut self.norm, cast(x)?, Tail::NONE)?)
    }
}

/// [`Conv2D`] without bias, then [`BatchNorm2D`], then ReLU: (batch, `IN`, h, w) to
/// (batch, `OUT`, h', w').
///
/// The same as the three layers one after the other, in fewer passes over memory where the
/// device has them. `forward_mut` trains on a traced input, `forward` evaluates one without a
/// tape.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::{Conv2DBatchNormReLU, GlobalAvgPool2D, Linear}};
///
/// type Net = (
///     Conv2DBatchNormReLU<3, 8, 3, 1, 1>,
///     Conv2DBatchNormReLU<8, 16, 3, 2, 1>,
///     GlobalAvgPool2D,
///     Linear<16, 10>,
/// );
/// let dev = Cpu::default();
/// let net = dev.build_module::<Net, f32>();
/// let x: Tensor<Rank4<4, 3, 8, 8>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank2<4, 10>, f32, _> = net.forward(x);
/// ```
#[derive(Clone, Debug)]
pub struct Conv2DBatchNormReLU<Spec: ConvSpec, E: Dtype, D: Storage<E>> {
    /// The convolution.
    pub conv: Conv2D<Spec, E, D>,
    /// The normalization of what comes out of it.
    pub norm: NormOf<Spec, E, D>,
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
> BuildOnDevice<D, E> for builder::Conv2DBatchNormReLU<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Built = Conv2DBatchNormReLU<Self, E, D>;
}

impl<Spec: ConvSpec, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for Conv2DBatchNormReLU<Spec, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Conv2DBatchNormReLU<Spec, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("conv", |s| &s.conv, |s| &mut s.conv),
                Self::module("norm", |s| &s.norm, |s| &mut s.norm),
            ),
            |(conv, norm)| Conv2DBatchNormReLU { conv, norm },
        )
    }
}

impl<Spec: ConvSpec, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>>
    for Conv2DBatchNormReLU<Spec, E, D>
where
    Sh: Convolved<Spec::Conv, Spec>,
    T: Evaluation<Spec>,
{
    type Output = Tensor<Sh::Out, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(evaluate(&self.conv, &self.norm, cast(x)?, Tail::RELU)?)
    }
}

impl<Spec: ConvSpec, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> ModuleMut<Tensor<Sh, E, D, T>>
    for Conv2DBatchNormReLU<Spec, E, D>
where
    Sh: Convolved<Spec::Conv, Spec>,
    T: Training<E, D, Spec>,
{
    type Output = Tensor<Sh::Out, E, D, T>;
    type Error = D::Err;

    fn try_forward_mut(&mut self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(train(&self.conv, &mut self.norm, cast(x)?, Tail::RELU)?)
    }
}

/// By the running statistics.
fn evaluate<Spec: ConvSpec, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    conv: &Conv2D<Spec, E, D>,
    norm: &NormOf<Spec, E, D>,
    x: Image<E, D, T>,
    tail: Tail<Image<E, D, T>>,
) -> Result<Image<E, D, T>, D::Err> {
    norm.evaluate(conv.apply(x)?, tail)
}

/// By the batch's own statistics, which are taken into the running ones; or by those, where they are frozen.
fn train<Spec: ConvSpec, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    conv: &Conv2D<Spec, E, D>,
    norm: &mut NormOf<Spec, E, D>,
    x: Image<E, D, T>,
    tail: Tail<Image<E, D, T>>,
) -> Result<Image<E, D, T>, D::Err> {
    if norm.is_frozen() {
        return evaluate(conv, norm, x, tail);
    }
    let (window, groups) = (Spec::Conv::WINDOW, Spec::Conv::GROUPS);
    let (affine, kernels) = (norm.affine()?, conv.kernels()?);
    let before = norm.statistics()?;
    let (y, after) =
        D::try_conv2d_batch_norm_running(x, &kernels, window, groups, &affine, tail, &before)?;
    norm.advance(after)?;
    Ok(y)
}

/// What a chain of these layers takes of one of them.
pub(super) struct Parts<E: Dtype, D: Storage<E>> {
    kernels: Image<E, D>,
    affine: Affine<E, D>,
    running: Running<E, D>,
    window: Window,
    groups: usize,
}

impl<E: Dtype, D: Storage<E>> Parts<E, D> {
    pub(super) fn layer(&self) -> ConvNorm<'_, E, D> {
        ConvNorm {
            weight: &self.kernels,
            window: self.window,
            groups: self.groups,
            affine: &self.affine,
            running: &self.running,
        }
    }
}

/// Layers one after the other, with ReLU between them, by the batch's own statistics, which are taken into the running ones:
/// it gives these, for the layers to take.
#[allow(clippy::type_complexity)]
pub(super) fn train_chain<E: Dtype, D: Layers<E>, T: LayerTape<E, D>, const N: usize>(
    x: Image<E, D, T>,
    layers: [Parts<E, D>; N],
    tail: Tail<Image<E, D, T>>,
) -> Result<(Image<E, D, T>, [Running<E, D>; N]), D::Err> {
    let layers = layers.each_ref().map(Parts::layer);
    let (y, after) = D::try_conv2d_batch_norms(x, &layers, tail)?;
    let Ok(after) = after.try_into() else {
        unreachable!("there are statistics of each layer");
    };
    Ok((y, after))
}

/// A convolution and its normalization as the networks have it, with names of their own for its parts.
impl<Spec: ConvSpec, E: Dtype, D: Layers<E>> Conv2DBatchNorm<Spec, E, D> {
    pub(super) fn parts(&self) -> Result<Parts<E, D>, D::Err> {
        Ok(Parts {
            kernels: self.conv.kernels()?,
            affine: self.norm.affine()?,
            running: self.norm.statistics()?,
            window: Spec::Conv::WINDOW,
            groups: Spec::Conv::GROUPS,
        })
    }

    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
        tail: Tail<Image<E, D, T>>,
    ) -> Result<Image<E, D, T>, D::Err> {
        train(&self.conv, &mut self.norm, x, tail)
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        tail: Tail<Image<E, D, T>>,
    ) -> Result<Image<E, D, T>, D::Err> {
        evaluate(&self.conv, &self.norm, x, tail)
    }
}

impl<Spec: ConvSpec, E: Dtype, D: Storage<E>> From<(Kernels<Spec, E, D>, NormOf<Spec, E, D>)>
    for Conv2DBatchNorm<Spec, E, D>
{
    fn from((weight, norm): (Kernels<Spec, E, D>, NormOf<Spec, E, D>)) -> Self {
        Self {
            conv: Conv2D { weight },
            norm,
        }
    }
}
