//! Layers whose numbers of channels a network computes from the constants of its type.
//!
//! Stable Rust computes no constant from another in a type, so that such a size stands in the value ([`Free`]). It is
//! the same in every network of a type: a layer can't say how large its tensors are, so the network does, when a walk
//! comes along. What is visited here are therefore the network's own fields, by the functions that dfdx's lists of
//! fields call (`visit_tensor`, `visit_scalar`).

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{applied, batch_norm::frozen, cast::cast, init, modules::BatchNorm2D};
pub use crate::doors::free::Free;
use crate::{
    device::{Image, LayerTape, Layers, Rows, Tail, Window},
    doors::free::{Free4, of_size},
};

/// A kernel: (out, in, height, width).
pub type Kernel<E, D> = Tensor<Free4, E, D>;

/// The normalization of so many channels. The network that it is a part of knows how many; by itself it is not walked.
pub type Norm<E, D> = BatchNorm2D<Free, E, D>;

/// A convolution without bias, then a normalization.
#[derive(Clone, Debug)]
pub struct ConvNorm<E: Dtype, D: Storage<E>> {
    /// (out, in, height, width).
    pub weight: Kernel<E, D>,
    /// The normalization of what comes out of it.
    pub norm: Norm<E, D>,
}

/// A linear layer to `CLASSES` logits.
#[derive(Clone, Debug)]
pub struct Head<const CLASSES: usize, E: Dtype, D: Storage<E>> {
    /// (`CLASSES`, features).
    pub weight: Tensor<(Const<CLASSES>, Free), E, D>,
    /// (`CLASSES`,).
    pub bias: Tensor<Rank1<CLASSES>, E, D>,
}

/// A window of this side that keeps the size of images, but for its stride.
pub(super) const fn window(size: usize, stride: usize) -> Window {
    Window {
        size,
        stride,
        padding: size / 2,
        dilation: 1,
    }
}

impl<E: Dtype, D: Layers<E>> ConvNorm<E, D> {
    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
        window: Window,
        tail: Tail<Image<E, D, T>>,
    ) -> Result<Image<E, D, T>, D::Err> {
        if self.norm.is_frozen() {
            return self.evaluate(x, window, tail);
        }
        let (kernel, affine) = (cast(self.weight.clone())?, self.norm.affine()?);
        let before = self.norm.statistics()?;
        let (y, after) =
            D::try_conv2d_batch_norm_running(x, &kernel, window, 1, &affine, tail, &before)?;
        self.norm.advance(after)?;
        Ok(y)
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        window: Window,
        tail: Tail<Image<E, D, T>>,
    ) -> Result<Image<E, D, T>, D::Err> {
        self.norm.evaluate(convolve(x, &self.weight, window)?, tail)
    }
}

/// The convolution alone.
pub(super) fn convolve<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    weight: &Kernel<E, D>,
    window: Window,
) -> Result<Image<E, D, T>, D::Err> {
    applied::conv2d(x, &cast(weight.clone())?, window, 1)
}

impl<const CLASSES: usize, E: Dtype, D: Layers<E>> Head<CLASSES, E, D> {
    pub(super) fn apply<T: LayerTape<E, D>>(
        &self,
        x: Rows<E, D, T>,
    ) -> Result<Rows<E, D, T>, D::Err> {
        let bias = cast(self.bias.clone())?;
        applied::linear(x, &cast(self.weight.clone())?, &bias, false)
    }
}

/// The way from a module to a part of it.
pub(super) struct At<'a, M, P> {
    pub(super) get: &'a dyn Fn(&M) -> &P,
    pub(super) get_mut: &'a dyn Fn(&mut M) -> &mut P,
}

impl<M, P> Clone for At<'_, M, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, P> Copy for At<'_, M, P> {}

/// On from a part to what it holds: `at!(block, norms[i])`; from the module itself: `at!(fc)`.
macro_rules! at {
    ($at:ident, $($field:tt)+) => {
        $crate::nn::computed::At {
            get: &|module| &($at.get)(module).$($field)+,
            get_mut: &|module| &mut ($at.get_mut)(module).$($field)+,
        }
    };
    ($($field:tt)+) => {
        $crate::nn::computed::At {
            get: &|module| &module.$($field)+,
            get_mut: &|module| &mut module.$($field)+,
        }
    };
}
pub(super) use at;

/// What a walk makes of a part: another one, if it makes any.
pub(super) type Visited<P, Err> = Result<Option<P>, Err>;

/// Visits a kernel of (out, in, side), which begins as in He et al. (2015b), by the number of outputs.
pub(super) fn visit_kernel<M, V, E, D>(
    visitor: &mut V,
    name: &str,
    [out, input, side]: [usize; 3],
    at: At<'_, M, Kernel<E, D>>,
) -> Visited<Kernel<V::E2, V::D2>, V::Err>
where
    M: TensorCollection<E, D>,
    V: ModuleVisitor<M, E, D>,
    E: Dtype,
    D: Device<E>,
{
    let shape = (out.into(), input.into(), side.into(), side.into());
    let options = TensorOptions::reset_with(|t: &mut Kernel<E, D>| {
        let [out, _, height, width] = t.shape().concrete();
        init::he(t, out * height * width)
    });
    visitor.visit_tensor(name, at.get, at.get_mut, of_size(shape, options))
}

/// Visits the normalization of so many channels.
pub(super) fn visit_norm<M, V, E, D>(
    visitor: &mut V,
    name: &str,
    channels: usize,
    at: At<'_, M, Norm<E, D>>,
) -> Visited<Norm<V::E2, V::D2>, V::Err>
where
    M: TensorCollection<E, D>,
    V: ModuleVisitor<M, E, D>,
    E: Dtype,
    D: Device<E>,
{
    let shape = (channels.into(),);
    let mut tensor = |field: &str, at: At<'_, M, Tensor<(Free,), E, D>>, options| {
        let name = format!("{name}.{field}");
        visitor.visit_tensor(&name, at.get, at.get_mut, of_size(shape, options))
    };
    let zeros = TensorOptions::detached(|t| t.try_fill_with_zeros());
    let ones = TensorOptions::detached(|t| t.try_fill_with_ones());
    let scale = tensor("scale", at!(at, scale), TensorOptions::reset_to_ones())?;
    let bias = tensor("bias", at!(at, bias), TensorOptions::reset_to_zeros())?;
    let running_mean = tensor("running_mean", at!(at, running_mean), zeros)?;
    let running_var = tensor("running_var", at!(at, running_var), ones)?;
    let mut scalar = |field: &str, at: At<'_, M, f64>, default| {
        let (name, options) = (
            format!("{name}.{field}"),
            ScalarOptions::from_default(default),
        );
        visitor.visit_scalar(&name, at.get, at.get_mut, options)
    };
    let epsilon = scalar("epsilon", at!(at, epsilon), 1e-5)?;
    let momentum = scalar("momentum", at!(at, momentum), 0.1)?;
    let at_frozen: At<'_, M, u8> = at!(at, frozen);
    let frozen = visitor.visit_scalar(
        &format!("{name}.{}", frozen::SCALAR),
        at_frozen.get,
        at_frozen.get_mut,
        ScalarOptions::from_default(0),
    )?;
    let norm = || {
        Some(Norm {
            scale: scale?,
            bias: bias?,
            running_mean: running_mean?,
            running_var: running_var?,
            epsilon: epsilon?,
            momentum: momentum?,
            frozen: frozen?,
        })
    };
    Ok(norm())
}

/// Visits a convolution and its normalization, which have names of their own.
pub(super) fn visit_conv_norm<M, V, E, D>(
    visitor: &mut V,
    [conv, norm]: [&str; 2],
    sizes: [usize; 3],
    at: At<'_, M, ConvNorm<E, D>>,
) -> Visited<ConvNorm<V::E2, V::D2>, V::Err>
where
    M: TensorCollection<E, D>,
    V: ModuleVisitor<M, E, D>,
    E: Dtype,
    D: Device<E>,
{
    let weight = visit_kernel(visitor, &format!("{conv}.weight"), sizes, at!(at, weight))?;
    let norm = visit_norm(visitor, norm, sizes[0], at!(at, norm))?;
    Ok(weight
        .zip(norm)
        .map(|(weight, norm)| ConvNorm { weight, norm }))
}

/// Visits the last layer, of so many features: its weight begins uniform in `±1 / sqrt(features)`, its bias at zero.
pub(super) fn visit_head<const CLASSES: usize, M, V, E, D>(
    visitor: &mut V,
    name: &str,
    features: usize,
    at: At<'_, M, Head<CLASSES, E, D>>,
) -> Visited<Head<CLASSES, V::E2, V::D2>, V::Err>
where
    M: TensorCollection<E, D>,
    V: ModuleVisitor<M, E, D>,
    E: Dtype,
    D: Device<E>,
{
    let at_weight: At<'_, _, Tensor<(Const<CLASSES>, Free), E, D>> = at!(at, weight);
    let at_bias: At<'_, _, Tensor<Rank1<CLASSES>, E, D>> = at!(at, bias);
    let options = TensorOptions::reset_with(|t: &mut Tensor<(Const<CLASSES>, Free), E, D>| {
        let features = t.shape().1.size();
        init::uniform(t, features)
    });
    let weight = visitor.visit_tensor(
        &format!("{name}.weight"),
        at_weight.get,
        at_weight.get_mut,
        of_size((Const, features.into()), options),
    )?;
    let bias = visitor.visit_tensor(
        &format!("{name}.bias"),
        at_bias.get,
        at_bias.get_mut,
        TensorOptions::reset_to_zeros(),
    )?;
    Ok(weight.zip(bias).map(|(weight, bias)| Head { weight, bias }))
}
