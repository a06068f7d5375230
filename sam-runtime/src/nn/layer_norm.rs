//! Layer normalization.

use dfdx::{
    nn::{Module, NonMutableModule},
    shapes::{Axis, Dtype, HasShape, Rank1},
    tensor::{Storage, Tensor},
    tensor_ops::{BroadcastTo, ReshapeTo, TryAdd, TryMul},
};

use super::{
    cast::cast,
    shape_bounds::{FeaturesOf, VectorShape},
    summary::note,
};
use crate::device::{Channels, LayerTape, Layers, Rows};

pub(super) mod builder {
    //! What a network names.

    /// Layer normalization of `M` features; see [`modules::LayerNorm`](crate::nn::modules::LayerNorm).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct LayerNorm<const M: usize>;
}

crate::layer! {
    /// Layer normalization (Ba et al. [2016](https://arxiv.org/abs/1607.06450)): each vector by its own mean and
    /// variance, `(x - mean) / sqrt(variance + 1e-5) * scale + bias`. The vectors of (batch, `M`), of (batch, length,
    /// `M`), or with one more size before them.
    ///
    /// As PyTorch's `LayerNorm(M)`; dfdx's `LayerNorm1D` computes the same, under names that PyTorch's files don't have.
    /// The same in training and evaluation.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::LayerNorm};
    ///
    /// let dev = Cpu::default();
    /// let norm = dev.build_module::<LayerNorm<2>, f32>();
    /// let x: Tensor<Rank3<1, 2, 2>, f32, _> = dev.tensor([[[1.0, 3.0], [-6.0, -2.0]]]);
    /// for y in norm.forward(x).array()[0] {
    ///     assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4);
    /// }
    /// ```
    pub struct LayerNorm<const M: usize; E, D> of builder::LayerNorm<M> {
        /// The factor of each feature, which starts at 1: (`M`,).
        parameter scale: Rank1<M> = |t| t.try_fill_with_ones(),
        /// The summand of each feature, which starts at 0: (`M`,).
        parameter bias: Rank1<M> = |t| t.try_fill_with_zeros(),
        /// Added to the variance before its root is taken; 1e-5.
        scalar epsilon: f64 = 1e-5,
    }
}

impl<const M: usize, E: Dtype, D: Layers<E>> LayerNorm<M, E, D> {
    /// The rows of `x`.
    pub(super) fn apply<T: LayerTape<E, D>>(
        &self,
        x: Rows<E, D, T>,
    ) -> Result<Rows<E, D, T>, D::Err> {
        let (scale, bias) = (cast(self.scale.clone())?, cast(self.bias.clone())?);
        normalize(x, &scale, &bias, self.epsilon)
    }
}

fn normalize<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Rows<E, D, T>,
    scale: &Channels<E, D>,
    bias: &Channels<E, D>,
    epsilon: f64,
) -> Result<Rows<E, D, T>, D::Err> {
    let shape = *x.shape();
    let along = |t: &Channels<E, D>| t.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape);
    let y = x.try_normalize::<Axis<1>>(epsilon)?;
    let y = y.try_mul(along(scale)?)?.try_add(along(bias)?)?;
    note("LayerNorm", Some(scale), 0, &y);
    Ok(y)
}

impl<const M: usize, E: Dtype, D: Storage<E>> NonMutableModule for LayerNorm<M, E, D> {}

impl<const M: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>>
    for LayerNorm<M, E, D>
where
    Sh: VectorShape<builder::LayerNorm<M>>,
    Sh::Features: FeaturesOf<M, builder::LayerNorm<M>>,
{
    type Output = Tensor<Sh, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        let shape = *x.shape();
        let rows = shape.num_elements().checked_div(M).unwrap_or(0);
        let y = self.apply(x.try_reshape_like(&(rows, M))?)?;
        y.try_reshape_like(&shape)
    }
}
