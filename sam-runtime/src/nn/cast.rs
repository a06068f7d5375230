//! Between static and dynamic sizes.

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{Tape, Tensor},
    tensor_ops::RealizeTo,
};

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

/// What the device says to a wrong number of elements.
pub(super) fn misfit<E: Dtype, D: Device<E>>(device: &D) -> D::Err {
    match device.try_tensor_from_vec(Vec::<E>::new(), (1_usize,)) {
        Err(error) => error,
        Ok(_) => unreachable!("a tensor of one element can't be made from none"),
    }
}
