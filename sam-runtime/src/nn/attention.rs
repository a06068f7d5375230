//! Self-attention with several heads.

use dfdx::{
    nn::{Module, ModuleMut},
    shapes::{Axes2, Axes3, Axes4, Axes5, Axis, Const, Dtype, HasShape, Rank1, Rank2, Shape},
    tensor::{NoneTape, PutTape, Storage, Tensor},
    tensor_ops::*,
};

use super::{
    cast::cast,
    dropout::{Share, drop_some},
    init,
    shape_bounds::{Evaluation, FeaturesOf, TokenShape, Training},
    summary::note,
};
use crate::{
    device::{Channels, LayerTape, Layers, Rows, misfit},
    doors::free::Free,
};

pub(super) mod builder {
    //! What a network names.

    /// Self-attention of `M` features with `H` heads; see
    /// [`modules::MultiHeadAttention`](crate::nn::modules::MultiHeadAttention).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MultiHeadAttention<
        const M: usize,
        const H: usize,
        const DROPOUT: usize = 0,
        const CAUSAL: bool = false,
    >;

    /// The last step of attention; see [`modules::OutProjection`](crate::nn::modules::OutProjection).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OutProjection<const M: usize>;
}

crate::layer! {
    /// Self-attention with several heads (Vaswani et al. [2017](https://arxiv.org/abs/1706.03762), 3.2.2): (batch,
    /// length, `M`) to the same shape. Each of `H` heads has queries, keys and values of `M / H` numbers, and
    /// `softmax(q k^T / sqrt(M / H)) v`.
    ///
    /// As PyTorch's `MultiheadAttention(M, H, dropout=DROPOUT / 100, batch_first=True)` with one tensor for query, key
    /// and value, under its names and layouts and from its start (Xavier's for what goes in, zero for the biases).
    /// `DROPOUT` is in percent and drops attention weights in `forward_mut`. With `CAUSAL` a place attends to itself and
    /// to those before it alone. Heads of unequal size don't compile.
    ///
    /// Beside the sequences it takes a mask, (batch, length), and hands it on: 1 where there is something, 0 where a
    /// sequence is padded. No place attends to one with 0. (A sequence of padding alone attends to all of it.)
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::MultiHeadAttention};
    ///
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<MultiHeadAttention<8, 2>, f32>();
    /// let x: Tensor<Rank3<1, 3, 8>, f32, _> = dev.sample_normal();
    /// let y: Tensor<Rank3<1, 3, 8>, f32, _> = net.forward(x.clone());
    ///
    /// // The same sequence, padded.
    /// let padding: Tensor<(Const<1>, usize, Const<8>), f32, _> = dev.ones_like(&(Const, 2, Const));
    /// let long = (x.realize::<(Const<1>, usize, Const<8>)>(), padding).concat_along(Axis::<1>);
    /// let mask: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(vec![1.0, 1.0, 1.0, 0.0, 0.0], (1, 5));
    /// let (padded, _) = net.forward((long, mask));
    /// let (y, padded) = (y.as_vec(), padded.as_vec());
    /// assert!(y.iter().zip(&padded).all(|(a, b)| (a - b).abs() < 1e-5));
    /// ```
    pub struct MultiHeadAttention<
        const M: usize, const H: usize, const DROPOUT: usize, const CAUSAL: bool; E, D
    > of builder::MultiHeadAttention<M, H, DROPOUT, CAUSAL> {
        /// What makes queries, keys and values, one below the other: (3 `M`, `M`).
        parameter in_proj_weight: (Free, Const<M>) [((3 * M).into(), Const)] = |t| {
            let () = Self::OF_EQUAL_SIZE;
            init::xavier(t, M, 3 * M)
        },
        /// Their biases: (3 `M`,).
        parameter in_proj_bias: (Free,) [((3 * M).into(),)] = |t| t.try_fill_with_zeros(),
        /// What makes of the values of all heads what comes out.
        module out_proj: OutProjection<M, E, D>,
    }
}

crate::layer! {
    /// The last step of attention: a linear layer whose bias starts at zero.
    pub struct OutProjection<const M: usize; E, D> of builder::OutProjection<M> {
        /// The weight: (`M`, `M`).
        parameter weight: Rank2<M, M> = |t| init::uniform(t, M),
        /// The bias: (`M`,).
        parameter bias: Rank1<M> = |t| t.try_fill_with_zeros(),
    }
}

impl<const M: usize, const H: usize, const DROPOUT: usize, const CAUSAL: bool, E, D>
    MultiHeadAttention<M, H, DROPOUT, CAUSAL, E, D>
where
    E: Dtype,
    D: Storage<E>,
{
    const OF_EQUAL_SIZE: () = assert!(
        H > 0 && M.is_multiple_of(H),
        "MultiHeadAttention<M, H>: the M features can't be divided among H heads of equal size"
    );
}

/// Sequences: (batch, length, features).
pub(super) type Tokens<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

/// How heads attend.
#[derive(Clone, Copy)]
struct How {
    heads: usize,
    is_causal: bool,
    dropout: f64,
}

/// The two linear layers of attention.
struct Projections<E: Dtype, D: Storage<E>> {
    weight: Rows<E, D>,
    bias: Channels<E, D>,
    out_weight: Rows<E, D>,
    out_bias: Channels<E, D>,
}

impl<const M: usize, const H: usize, const DROPOUT: usize, const CAUSAL: bool, E, D>
    MultiHeadAttention<M, H, DROPOUT, CAUSAL, E, D>
where
    E: Dtype,
    D: Layers<E>,
{
    pub(super) fn apply<T: LayerTape<E, D>>(
        &self,
        x: Tokens<E, D, T>,
        mask: Option<&Rows<E, D>>,
        trains: bool,
    ) -> Result<Tokens<E, D, T>, D::Err> {
        let projections = Projections {
            weight: cast(self.in_proj_weight.clone())?,
            bias: cast(self.in_proj_bias.clone())?,
            out_weight: cast(self.out_proj.weight.clone())?,
            out_bias: cast(self.out_proj.bias.clone())?,
        };
        let how = How {
            heads: H,
            is_causal: CAUSAL,
            dropout: if trains { Share::<DROPOUT>::RATE } else { 0.0 },
        };
        attend(x, &projections, mask, how)
    }
}

fn attend<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Tokens<E, D, T>,
    projections: &Projections<E, D>,
    mask: Option<&Rows<E, D>>,
    how: How,
) -> Result<Tokens<E, D, T>, D::Err> {
    let shape = *x.shape();
    let (batch, length, features) = shape;
    if mask.is_some_and(|mask| *mask.shape() != (batch, length)) {
        return Err(misfit(x.device()));
    }
    let Projections {
        weight,
        bias,
        out_weight,
        out_bias,
    } = projections;
    let each = features / how.heads;
    let rows = x.try_reshape_like(&(batch * length, features))?;
    let all = D::try_linear(rows, weight, Some(bias), false)?;
    // Queries, then keys, then values, each (batch, heads, length, each).
    let all = all
        .try_reshape_like(&(batch, length, 3_usize, how.heads, each))?
        .try_permute::<_, Axes5<2, 0, 3, 1, 4>>()?
        .try_reshape_like(&(3_usize, batch * length * features))?;
    let heads = (batch * how.heads, length, each);
    let keys = all
        .retaped::<T>()
        .try_slice((1..2, ..))?
        .try_reshape_like(&heads)?;
    let values = all
        .retaped::<T>()
        .try_slice((2..3, ..))?
        .try_reshape_like(&heads)?;
    let queries = all.try_slice((0..1, ..))?.try_reshape_like(&heads)?;

    let scale = number::<E>(1.0 / (each as f64).sqrt());
    let mut scores = queries
        .try_mul(scale)?
        .try_matmul(keys.try_permute::<_, Axes3<0, 2, 1>>()?)?;
    let biases = [padding(mask, how.heads)?, future(&scores, how.is_causal)?];
    for bias in biases.into_iter().flatten() {
        scores = scores.try_add(bias.put_tape(T::default()))?;
    }
    let weights = drop_some(scores.try_softmax::<Axis<2>>()?, how.dropout)?;
    let y = weights
        .try_matmul(values)?
        .try_reshape_like(&(batch, how.heads, length, each))?
        .try_permute::<_, Axes4<0, 2, 1, 3>>()?
        .try_reshape_like(&(batch * length, features))?;
    let inner = 2 * batch * length * length * features;
    let multiplications = weight.shape().num_elements() * batch * length + inner;
    note(
        "MultiHeadAttention",
        Some(weight),
        multiplications as u64,
        &y,
    );
    let y = D::try_linear(y, out_weight, Some(out_bias), false)?;
    let multiplications = (out_weight.shape().num_elements() * batch * length) as u64;
    let y = y.try_reshape_like(&shape)?;
    note("Linear", Some(out_weight), multiplications, &y);
    Ok(y)
}

fn number<E: Dtype>(x: f64) -> E {
    E::from_f64(x).unwrap_or_default()
}

/// What is added to the score of a place that is not to be attended to: so little that its weight is 0, and no
/// infinity, of which NaN comes where there is no other place.
fn never<E: Dtype>() -> E {
    let low = [-1e30, -3e4].map(number::<E>);
    let is_finite = low[0].to_f64().is_some_and(f64::is_finite);
    low[usize::from(!is_finite)]
}

/// For the score of each head, query and key, what keeps it off padding.
fn padding<E: Dtype, D: Layers<E>>(
    mask: Option<&Rows<E, D>>,
    heads: usize,
) -> Result<Option<Tokens<E, D, NoneTape>>, D::Err> {
    let Some(mask) = mask else { return Ok(None) };
    let (batch, length) = *mask.shape();
    let bias = mask
        .clone()
        .try_sub(number::<E>(1.0))?
        .try_mul(number::<E>(-1.0) * never::<E>())?
        .try_broadcast_like::<_, Axes2<1, 2>>(&(batch, heads, length, length))?;
    let bias = bias.try_reshape_like(&(batch * heads, length, length))?;
    Ok(Some(bias))
}

/// For the score of each head, query and key, what keeps it off what comes later.
fn future<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    scores: &Tokens<E, D, T>,
    is_causal: bool,
) -> Result<Option<Tokens<E, D, NoneTape>>, D::Err> {
    if !is_causal {
        return Ok(None);
    }
    let shape = *scores.shape();
    let device = scores.device();
    let bias = device.try_upper_tri_like(&(shape.1, shape.2), never::<E>(), 1)?;
    Ok(Some(bias.try_broadcast_like::<_, Axis<0>>(&shape)?))
}

macro_rules! forward {
    ($trait:ident, $try_forward:ident, [$($mut:tt)?], [$($tape:tt)*], $trains:literal) => {
        impl<const M: usize, const H: usize, const DROPOUT: usize, const CAUSAL: bool, Sh, E, D, T>
            $trait<Tensor<Sh, E, D, T>> for MultiHeadAttention<M, H, DROPOUT, CAUSAL, E, D>
        where
            Sh: TokenShape<builder::MultiHeadAttention<M, H, DROPOUT, CAUSAL>>,
            Sh::Features: FeaturesOf<M, builder::MultiHeadAttention<M, H, DROPOUT, CAUSAL>>,
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
            const M: usize, const H: usize, const DROPOUT: usize, const CAUSAL: bool, Sh, K, E, D, T
        > $trait<(Tensor<Sh, E, D, T>, Tensor<K, E, D>)>
            for MultiHeadAttention<M, H, DROPOUT, CAUSAL, E, D>
        where
            Sh: TokenShape<builder::MultiHeadAttention<M, H, DROPOUT, CAUSAL>>,
            Sh::Features: FeaturesOf<M, builder::MultiHeadAttention<M, H, DROPOUT, CAUSAL>>,
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
    [Evaluation<builder::MultiHeadAttention<M, H, DROPOUT, CAUSAL>>],
    false
);
forward!(
    ModuleMut,
    try_forward_mut,
    [mut],
    [Training<E, D, builder::MultiHeadAttention<M, H, DROPOUT, CAUSAL>>],
    true
);
