//! Rows of tensors cut apart and joined. On a GPU this happens where the tensors are.

#[cfg(feature = "cuda")]
use std::any::Any;

#[cfg(feature = "cuda")]
use dfdx::tensor::Cuda;
use dfdx::{
    shapes::{HasShape, Shape, Unit},
    tensor::{Storage, Tensor, TensorFromVec},
};

#[cfg(feature = "cuda")]
use super::cuda;
use crate::doors::host_memory::copied;

/// What an expression gives for `f32`, or else for `f64`: `Some` where the tensors are on a GPU and of such
/// numbers.
#[cfg(feature = "cuda")]
macro_rules! on_gpu {
    ($X:ident => $result:expr) => {{
        let single = {
            type $X = f32;
            $result
        };
        single.or_else(|| {
            type $X = f64;
            $result
        })
    }};
}

/// `values`, if they are of type `B`.
#[cfg(feature = "cuda")]
fn downcast<'a, A: 'static, B: 'static>(
    values: impl IntoIterator<Item = &'a A>,
) -> Option<Vec<&'a B>> {
    let of_type = |value: &'a A| (value as &dyn Any).downcast_ref();
    values.into_iter().map(of_type).collect()
}

/// `value`, which is of type `B` if the tensors that it was made of were.
#[cfg(feature = "cuda")]
fn back<A: 'static, B: 'static>(value: A) -> Option<B> {
    let value: Box<dyn Any> = Box::new(value);
    value.downcast().ok().map(|value| *value)
}

/// The rows of `t` in parts of these sizes, which add up to all; each of the shape that `shape` gives for
/// its size.
pub(crate) fn split<Src, Dst, E, D>(
    t: &Tensor<Src, E, D>,
    rows: &[usize],
    shapes: Vec<Dst>,
) -> Result<Vec<Tensor<Dst, E, D>>, D::Err>
where
    Src: Shape,
    Dst: Shape,
    E: Unit,
    D: Storage<E> + TensorFromVec<E>,
{
    let width = t.shape().num_elements() / rows.iter().sum::<usize>().max(1);
    #[cfg(feature = "cuda")]
    if let Some(parts) = on_gpu!(X => downcast::<_, Tensor<Src, X, Cuda>>([t])
        .and_then(|t| back(cuda::split(t[0], rows, width, &shapes))))
    {
        return parts;
    }
    let values = copied(t);
    let mut rest = values.as_slice();
    // Loops, where iterators would read as well: this is compiled with each user's crate, for each shape.
    let mut parts = Vec::with_capacity(rows.len());
    for (&rows, shape) in rows.iter().zip(shapes) {
        let (part, after) = rest.split_at(rows * width);
        rest = after;
        parts.push(t.device().try_tensor_from_vec(part.to_vec(), shape)?);
    }
    Ok(parts)
}

/// The rows of `parts`, one after the other; there is at least one part.
pub(crate) fn joined<Src, Dst, E, D>(
    parts: &[Tensor<Src, E, D>],
    shape: Dst,
) -> Result<Tensor<Dst, E, D>, D::Err>
where
    Src: Shape,
    Dst: Shape,
    E: Unit,
    D: Storage<E> + TensorFromVec<E>,
{
    #[cfg(feature = "cuda")]
    if let Some(all) = on_gpu!(X => downcast::<_, Tensor<Src, X, Cuda>>(parts)
        .and_then(|parts| back(cuda::joined(&parts, shape))))
    {
        return all;
    }
    let mut values = Vec::new();
    for part in parts {
        values.append(&mut copied(part));
    }
    parts[0].device().try_tensor_from_vec(values, shape)
}

/// The sum of scalars, each times its weight, on a device where reading them would mean waiting; `None` for
/// others. There is at least one.
pub(crate) fn mean<E, D>(
    parts: &[Tensor<(), E, D>],
    weights: &[f64],
) -> Option<Result<Tensor<(), E, D>, D::Err>>
where
    E: Unit,
    D: Storage<E>,
{
    #[cfg(feature = "cuda")]
    return on_gpu!(X => downcast::<_, Tensor<(), X, Cuda>>(parts)
        .and_then(|parts| back(cuda::mean(&parts, weights))));
    #[cfg(not(feature = "cuda"))]
    {
        let _ = (parts, weights);
        None
    }
}
