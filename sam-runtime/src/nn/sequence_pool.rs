//! One vector of a sequence.

use dfdx::{
    nn::{Module, NonMutableModule, ZeroSizedModule},
    shapes::{Axis, Dtype, HasShape, Shape},
    tensor::{PutTape, Tensor},
    tensor_ops::*,
};

use super::{applied, cast::cast, shape_bounds::TokenShape};
use crate::device::{LayerTape, Layers, Rows, misfit};

/// The mean of the vectors of each sequence: (batch, length, features) to (batch, features). With a mask beside them,
/// (batch, length) of 1 and, where a sequence is padded, 0: the mean of those with 1; zero where there is none.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::SequenceMean};
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank3<1, 3, 1>, f32, _> = dev.tensor([[[1.0], [3.0], [5.0]]]);
/// assert_eq!(SequenceMean.forward(x.clone()).array(), [[3.0]]);
/// let mask: Tensor<Rank2<1, 3>, f32, _> = dev.tensor([[1.0, 1.0, 0.0]]);
/// assert_eq!(SequenceMean.forward((x, mask)).array(), [[2.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceMean;

/// The last vector of each sequence, such as the state of a [`GRU`](crate::nn::GRU) behind all of it: (batch, length,
/// features) to (batch, features). With a mask beside them, (batch, length) of 1 and, where a sequence is padded, 0: the last of
/// those with 1; zero where there is none.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::SequenceLast};
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank3<1, 3, 1>, f32, _> = dev.tensor([[[1.0], [3.0], [5.0]]]);
/// assert_eq!(SequenceLast.forward(x.clone()).array(), [[5.0]]);
/// let mask: Tensor<Rank2<1, 3>, f32, _> = dev.tensor([[1.0, 1.0, 0.0]]);
/// assert_eq!(SequenceLast.forward((x, mask)).array(), [[3.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceLast;

impl ZeroSizedModule for SequenceMean {}
impl NonMutableModule for SequenceMean {}
impl ZeroSizedModule for SequenceLast {}
impl NonMutableModule for SequenceLast {}

/// Sequences: (batch, length, features).
type Tokens<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

fn mean<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Tokens<E, D, T>,
    mask: Option<&Rows<E, D>>,
) -> Result<Rows<E, D, T>, D::Err> {
    let y = match mask {
        None => x.try_mean::<_, Axis<1>>()?,
        Some(mask) => {
            let counts = mask.clone().try_sum::<_, Axis<1>>()?;
            let ones = x.device().try_ones_like(&counts)?;
            let counts = counts.try_maximum(ones)?;
            let shares = mask
                .clone()
                .try_div(counts.try_broadcast_like::<_, Axis<1>>(mask)?)?;
            weighted(x, shares)?
        }
    };
    applied::without_tensors("SequenceMean", &y);
    Ok(y)
}

/// The sum of each sequence's vectors, each times its share: (batch, length).
fn weighted<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Tokens<E, D, T>,
    shares: Rows<E, D>,
) -> Result<Rows<E, D, T>, D::Err> {
    let shape = *x.shape();
    if *shares.shape() != (shape.0, shape.1) {
        return Err(misfit(x.device()));
    }
    let shares = shares.try_broadcast_like::<_, Axis<2>>(&shape)?;
    x.try_mul(shares.put_tape(T::default()))?
        .try_sum::<_, Axis<1>>()
}

/// 1 at the last place of each row that is not 0, and 0 elsewhere.
fn last_places<E: Dtype, D: Layers<E>>(mask: &Rows<E, D>) -> Result<Rows<E, D>, D::Err> {
    let (rows, length) = *mask.shape();
    let mut places = vec![E::default(); rows * length];
    let masks = mask.as_vec();
    let masks = masks.chunks(length.max(1));
    for (places, mask) in places.chunks_mut(length.max(1)).zip(masks) {
        if let Some(last) = mask.iter().rposition(|is_there| *is_there != E::default()) {
            places[last] = E::from_f64(1.0).unwrap_or_default();
        }
    }
    mask.device().try_tensor_from_vec(places, (rows, length))
}

fn last<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Tokens<E, D, T>,
    mask: Option<&Rows<E, D>>,
) -> Result<Rows<E, D, T>, D::Err> {
    if let Some(mask) = mask {
        let y = weighted(x, last_places(mask)?)?;
        applied::without_tensors("SequenceLast", &y);
        return Ok(y);
    }
    let (batch, length, features) = *x.shape();
    if length == 0 {
        return Err(misfit(x.device()));
    }
    let y = x.try_slice((.., length - 1..length, ..))?;
    let y = y.try_reshape_like(&(batch, features))?;
    applied::without_tensors("SequenceLast", &y);
    Ok(y)
}

impl<Sh, E, D, T> Module<Tensor<Sh, E, D, T>> for SequenceMean
where
    Sh: TokenShape<Self>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = Tensor<Sh::Rows<Sh::Features>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(mean(cast(x)?, None)?)
    }
}

impl<Sh, K, E, D, T> Module<(Tensor<Sh, E, D, T>, Tensor<K, E, D>)> for SequenceMean
where
    Sh: TokenShape<Self>,
    K: Shape<Concrete = [usize; 2]>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = Tensor<Sh::Rows<Sh::Features>, E, D, T>;
    type Error = D::Err;

    fn try_forward(
        &self,
        (x, mask): (Tensor<Sh, E, D, T>, Tensor<K, E, D>),
    ) -> Result<Self::Output, D::Err> {
        cast(mean(cast(x)?, Some(&cast(mask)?))?)
    }
}

impl<Sh, E, D, T> Module<Tensor<Sh, E, D, T>> for SequenceLast
where
    Sh: TokenShape<Self>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = Tensor<Sh::Rows<Sh::Features>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(last(cast(x)?, None)?)
    }
}

impl<Sh, K, E, D, T> Module<(Tensor<Sh, E, D, T>, Tensor<K, E, D>)> for SequenceLast
where
    Sh: TokenShape<Self>,
    K: Shape<Concrete = [usize; 2]>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = Tensor<Sh::Rows<Sh::Features>, E, D, T>;
    type Error = D::Err;

    fn try_forward(
        &self,
        (x, mask): (Tensor<Sh, E, D, T>, Tensor<K, E, D>),
    ) -> Result<Self::Output, D::Err> {
        cast(last(cast(x)?, Some(&cast(mask)?))?)
    }
}
