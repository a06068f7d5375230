//! What was seen of the chunks, as if it had been seen of the batch.

use dfdx::{
    shapes::{Const, Dim, Dtype, HasShape, Shape, Unit},
    tensor::{Storage, Tensor, TensorFromVec},
};

use super::StepError;
use crate::device;

/// A value of each chunk that can be put together: numbers and scalar tensors are averaged by the
/// chunks' shares of the batch, tensors and arrays joined along their first dimension, which must
/// be the chunk's. An integer is none: it may be a count, which adds up, or an index, which does not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` was computed for each chunk of `m` samples, and can't be joined into one value for the batch",
    label = "the loop reads this as one value of the batch",
    note = "`f32`, `f64` and scalar tensors are averaged, tensors are joined along a first dimension of `m`; compute the value from such ones, or leave out `m`",
    note = "see `errors/observed-cannot-be-joined` in sam-train's guide"
)]
pub trait Join<ChunkRows, Rows>: Sized {
    /// The value for the batch.
    type Joined;

    /// Joins one value for each chunk; `shares` are the chunks' shares of the batch.
    fn join(parts: Vec<Self>, shares: &[f64]) -> Result<Self::Joined, StepError>;
}

/// The mean by share. Exactly `x` where all parts are `x`: shares such as 1/7 need not add up to 1.
fn mean<E: Dtype>(parts: &[E], shares: &[f64]) -> E {
    if parts.iter().all(|x| *x == parts[0]) {
        return parts[0];
    }
    let weighted = parts
        .iter()
        .zip(shares)
        .map(|(x, share)| x.to_f64().unwrap_or(f64::NAN) * share);
    let mean: f64 = weighted.sum();
    // To an integer, `from_f64` cuts off, which would turn 2.9999999999999996 into 2.
    let is_integer = E::from_f64(0.5) == Some(E::default());
    E::from_f64(if is_integer { mean.round() } else { mean }).unwrap_or_default()
}

macro_rules! averaged {
    ($($type:ty)*) => {$(
        impl<C, R> Join<C, R> for $type {
            type Joined = Self;

            fn join(parts: Vec<Self>, shares: &[f64]) -> Result<Self, StepError> {
                Ok(mean(&parts, shares))
            }
        }
    )*};
}

averaged!(f32 f64);

impl<C, R, E: Dtype, D: Storage<E> + TensorFromVec<E>> Join<C, R> for Tensor<(), E, D> {
    type Joined = Self;

    fn join(parts: Vec<Self>, shares: &[f64]) -> Result<Self, StepError> {
        if let Some(mean) = device::mean(&parts, shares) {
            return mean.map_err(StepError::device);
        }
        let values: Vec<E> = parts.iter().map(|t| t.as_vec()[0]).collect();
        let value = mean(&values, shares);
        let device = parts[0].device();
        device
            .try_tensor_from_vec(vec![value], ())
            .map_err(StepError::device)
    }
}

macro_rules! join_tensor {
    ($($dim:ident)*) => {
        impl<const M: usize, const B: usize, $($dim: Dim,)* E, D> Join<Const<M>, Const<B>>
            for Tensor<(Const<M>, $($dim,)*), E, D>
        where
            E: Unit,
            D: Storage<E> + TensorFromVec<E>,
        {
            type Joined = Tensor<(Const<B>, $($dim,)*), E, D>;

            fn join(parts: Vec<Self>, _: &[f64]) -> Result<Self::Joined, StepError> {
                join_rows(&parts)
            }
        }

        impl<C, R, $($dim: Dim,)* E, D> Join<C, R> for Tensor<(usize, $($dim,)*), E, D>
        where
            E: Unit,
            D: Storage<E> + TensorFromVec<E>,
        {
            type Joined = Self;

            fn join(parts: Vec<Self>, _: &[f64]) -> Result<Self, StepError> {
                join_rows(&parts)
            }
        }
    };
}

join_tensor!();
join_tensor!(D1);
join_tensor!(D1 D2);
join_tensor!(D1 D2 D3);
join_tensor!(D1 D2 D3 D4);
join_tensor!(D1 D2 D3 D4 D5);

fn join_rows<Src, Dst, E, D>(parts: &[Tensor<Src, E, D>]) -> Result<Tensor<Dst, E, D>, StepError>
where
    Src: Shape,
    Dst: Shape<Concrete = Src::Concrete>,
    E: Unit,
    D: Storage<E> + TensorFromVec<E>,
{
    let mut sizes = parts[0].shape().concrete();
    sizes[0] = parts.iter().map(|t| t.shape().concrete()[0]).sum();
    let shape = Dst::from_concrete(&sizes).ok_or(StepError::Rows {
        expected: sizes[0],
        found: 0,
    })?;
    device::joined(parts, shape).map_err(StepError::device)
}

impl<T, const M: usize, const B: usize> Join<Const<M>, Const<B>> for [T; M] {
    type Joined = [T; B];

    fn join(parts: Vec<Self>, _: &[f64]) -> Result<[T; B], StepError> {
        let rows: Vec<T> = parts.into_iter().flatten().collect();
        let found = rows.len();
        rows.try_into()
            .map_err(|_| StepError::Rows { expected: B, found })
    }
}

impl<C, R, T> Join<C, R> for Vec<T> {
    type Joined = Self;

    fn join(parts: Vec<Self>, _: &[f64]) -> Result<Self, StepError> {
        Ok(parts.into_iter().flatten().collect())
    }
}

macro_rules! join_tuple {
    ($($part:ident $index:tt)*) => {
        impl<C, R, $($part: Join<C, R>,)*> Join<C, R> for ($($part,)*) {
            type Joined = ($($part::Joined,)*);

            fn join(parts: Vec<Self>, shares: &[f64]) -> Result<Self::Joined, StepError> {
                let mut columns = ($(Vec::<$part>::with_capacity(parts.len()),)*);
                for part in parts {
                    $(columns.$index.push(part.$index);)*
                }
                Ok(($($part::join(columns.$index, shares)?,)*))
            }
        }
    };
}

join_tuple!(T0 0);
join_tuple!(T0 0 T1 1);
join_tuple!(T0 0 T1 1 T2 2);
join_tuple!(T0 0 T1 1 T2 2 T3 3);

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    #[test]
    fn scalars_are_averaged_by_share() {
        assert_eq!(
            Join::<usize, usize>::join(vec![1.0_f32, 4.0], &[0.75, 0.25]).unwrap(),
            1.75
        );
        let dev = Cpu::default();
        let parts = vec![dev.tensor(2.0_f64), dev.tensor(6.0)];
        let joined = Join::<Const<2>, Const<4>>::join(parts, &[0.5, 0.5]).unwrap();
        assert_eq!(joined.array(), 4.0);
    }

    #[test]
    fn rows_are_joined_in_order() {
        let dev = Cpu::default();
        let parts = vec![dev.tensor([[1_usize], [2]]), dev.tensor([[3], [4]])];
        let joined: Tensor<Rank2<4, 1>, usize, Cpu> =
            Join::<Const<2>, Const<4>>::join(parts, &[0.5, 0.5]).unwrap();
        assert_eq!(joined.array(), [[1], [2], [3], [4]]);
        let joined: [u8; 4] = Join::join(vec![[1, 2], [3, 4]], &[0.5, 0.5]).unwrap();
        assert_eq!(joined, [1, 2, 3, 4]);
    }
}
