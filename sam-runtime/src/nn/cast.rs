//! Between static and dynamic sizes.

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{Tape, Tensor},
    tensor_ops::RealizeTo,
};

use crate::device::misfit;

/// The same tensor, its id included, with other types of its sizes; an error if a static one is wrong.
pub(super) fn cast<A, S, E, D, T>(x: Tensor<S, E, D, T>) -> Result<Tensor<A, E, D, T>, D::Err>
where
    A: Shape<Concrete = S::Concrete>,
    S: Shape,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
{
    x.try_realize::<A>().map_err(|x| misfit(x.device()))
}
