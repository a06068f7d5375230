//! One layer of a transformer's encoder.

use dfdx::{
    nn::{Module, ModuleMut},
    shapes::{Dtype, HasShape, Shape},
    tensor::Tensor,
    tensor_ops::{ReshapeTo, TryAdd},
};

use super::{
    attention::{MultiHeadAttention, Tokens},
    cast::cast,
    dropout::{Share, drop_some},
    layer_norm::LayerNorm,
    linear::Linear,
    shape_bounds::{Evaluation, FeaturesOf, TokenShape, Training},
};
use crate::device::{LayerTape, Layers, Rows};

pub(super) mod builder {
    //! What a network names.

    /// One layer of a transformer's encoder: `M` features, `H` heads, `F` hidden features; see
    /// [`modules::TransformerEncoderLayer`](crate::nn::modules::TransformerEncoderLayer).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct TransformerEncoderLayer<
        const M: usize,
        const H: usize,
        const F: usize,
        const DROPOUT: usize = 10,
        const NORM_FIRST: bool = false,
        const CAUSAL: bool = false,
    >;
}

crate::layer! {
    /// One layer of a transformer's encoder (Vaswani et al. [2017](https://arxiv.org/abs/1706.03762), 3.1): attention
    /// with `H` heads, then two linear layers with `F` features and ReLU between them; a sum with what went in behind
    /// each of the two, and layer normalization behind the sum, or, with `NORM_FIRST`, before attention and before the
    /// linear layers. (batch, length, `M`) to the same shape.
    ///
    /// As PyTorch's `TransformerEncoderLayer(M, H, F, dropout=DROPOUT / 100, batch_first=True, norm_first=NORM_FIRST)`,
    /// under its names. `DROPOUT` is in percent, 10 as there, and acts in `forward_mut`. With `CAUSAL` no place sees
    /// what comes after it.
    ///
    /// It takes a mask beside the sequences and hands it on, as
    /// [`MultiHeadAttention`](super::MultiHeadAttention) does, so that layers stand one behind the other:
    ///
    /// ```
    /// use sam_runtime::{
    ///     dfdx::prelude::*,
    ///     nn::{Embedding, Linear, SequenceMean, TransformerEncoderLayer},
    /// };
    ///
    /// type Encoder = TransformerEncoderLayer<16, 4, 32>;
    /// type Net = (Embedding<100, 16>, Encoder, Encoder, SequenceMean, Linear<16, 2>);
    /// let dev = Cpu::default();
    /// let mut net = dev.build_module::<Net, f32>();
    /// let words: Tensor<Rank2<2, 3>, usize, _> = dev.tensor([[5, 9, 77], [8, 3, 0]]);
    /// let mask: Tensor<Rank2<2, 3>, f32, _> = dev.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]);
    /// let logits = net.forward_mut((words.trace(net.alloc_grads()), mask));
    /// let _: Tensor<Rank2<2, 2>, f32, _, _> = logits;
    /// ```
    pub struct TransformerEncoderLayer<
        const M: usize,
        const H: usize,
        const F: usize,
        const DROPOUT: usize,
        const NORM_FIRST: bool,
        const CAUSAL: bool;
        E, D
    > of builder::TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL> {
        /// Attention.
        module self_attn: MultiHeadAttention<M, H, DROPOUT, CAUSAL, E, D>,
        /// From `M` to `F` features.
        module linear1: Linear<M, F, E, D>,
        /// From `F` to `M` features.
        module linear2: Linear<F, M, E, D>,
        /// The normalization of attention.
        module norm1: LayerNorm<M, E, D>,
        /// The normalization of the linear layers.
        module norm2: LayerNorm<M, E, D>,
    }
}

impl<
    const M: usize,
    const H: usize,
    const F: usize,
    const DROPOUT: usize,
    const NORM_FIRST: bool,
    const CAUSAL: bool,
    E: Dtype,
    D: Layers<E>,
> TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL, E, D>
{
    fn apply<T: LayerTape<E, D>>(
        &self,
        x: Tokens<E, D, T>,
        mask: Option<&Rows<E, D>>,
        trains: bool,
    ) -> Result<Tokens<E, D, T>, D::Err> {
        let dropout = if trains { Share::<DROPOUT>::RATE } else { 0.0 };
        let shape = *x.shape();
        let rows = (shape.0 * shape.1, M);
        let attend = |x: Rows<E, D, T>| {
            let y = self
                .self_attn
                .apply(x.try_reshape_like(&shape)?, mask, trains)?;
            drop_some(y.try_reshape_like(&rows)?, dropout)
        };
        let feed_forward = |x: Rows<E, D, T>| {
            let hidden = drop_some(self.linear1.apply(x, true)?, dropout)?;
            drop_some(self.linear2.apply(hidden, false)?, dropout)
        };
        let x = x.try_reshape_like(&rows)?;
        let y = match NORM_FIRST {
            true => {
                let x = residual(x, |x| attend(self.norm1.apply(x)?))?;
                residual(x, |x| feed_forward(self.norm2.apply(x)?))?
            }
            false => {
                let x = self.norm1.apply(residual(x, attend)?)?;
                self.norm2.apply(residual(x, feed_forward)?)?
            }
        };
        y.try_reshape_like(&shape)
    }
}

/// `x + f(x)`.
fn residual<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Rows<E, D, T>,
    f: impl FnOnce(Rows<E, D, T>) -> Result<Rows<E, D, T>, D::Err>,
) -> Result<Rows<E, D, T>, D::Err> {
    let skipped = x.retaped::<T>();
    f(x)?.try_add(skipped)
}

macro_rules! forward {
    ($trait:ident, $try_forward:ident, [$($mut:tt)?], [$($tape:tt)*], $trains:literal) => {
        impl<
            const M: usize, const H: usize, const F: usize, const DROPOUT: usize,
            const NORM_FIRST: bool, const CAUSAL: bool, Sh, E, D, T,
        > $trait<Tensor<Sh, E, D, T>>
            for TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL, E, D>
        where
            Sh: TokenShape<builder::TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL>>,
            Sh::Features: FeaturesOf<
                M,
                builder::TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL>,
            >,
            E: Dtype,
            D: Layers<E>,
            T: LayerTape<E, D> + $($tape)*,
        {
            type Output = Tensor<Sh, E, D, T>;
            type Error = D::Err;

            fn $try_forward(&$($mut)? self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
                cast(self.apply(cast(x)?, None, $trains)?)
            }
        }

        impl<
            const M: usize, const H: usize, const F: usize, const DROPOUT: usize,
            const NORM_FIRST: bool, const CAUSAL: bool, Sh, K, E, D, T,
        > $trait<(Tensor<Sh, E, D, T>, Tensor<K, E, D>)>
            for TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL, E, D>
        where
            Sh: TokenShape<builder::TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL>>,
            Sh::Features: FeaturesOf<
                M,
                builder::TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL>,
            >,
            K: Shape<Concrete = [usize; 2]>,
            E: Dtype,
            D: Layers<E>,
            T: LayerTape<E, D> + $($tape)*,
        {
            type Output = (Tensor<Sh, E, D, T>, Tensor<K, E, D>);
            type Error = D::Err;

            fn $try_forward(
                &$($mut)? self,
                (x, mask): (Tensor<Sh, E, D, T>, Tensor<K, E, D>),
            ) -> Result<Self::Output, D::Err> {
                let y = self.apply(cast(x)?, Some(&cast(mask.clone())?), $trains)?;
                Ok((cast(y)?, mask))
            }
        }
    };
}

forward!(
    Module,
    try_forward,
    [],
    [Evaluation<builder::TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL>>],
    false
);
forward!(
    ModuleMut,
    try_forward_mut,
    [mut],
    [Training<E, D, builder::TransformerEncoderLayer<M, H, F, DROPOUT, NORM_FIRST, CAUSAL>>],
    true
);
