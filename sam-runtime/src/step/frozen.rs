//! Parameters that are not perturbed.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use crate::doors::walk::{Which, each, names};

/// Whether a parameter of this name is not perturbed; dfdx's names, such as `0.weight`.
pub(super) type IsFrozen = fn(&str) -> bool;

/// Zeroes the gradients of the parameters that are frozen: then the ascent leaves those where they are, and
/// their gradients are no part of the norm.
pub(super) fn zero_frozen<M, E, D>(
    model: &M,
    gradients: &mut Gradients<E, D>,
    is_frozen: &dyn Fn(&str) -> bool,
) -> Result<(), D::Err>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let mut names = names(model, Which::Parameters)?.into_iter();
    each(model, Which::Parameters, &mut |parameter| match names
        .next()
        .is_some_and(|name| is_frozen(&name))
    {
        true => parameter
            .device()
            .try_fill_with_zeros(parameter.gradient(gradients)?),
        false => Ok(()),
    })
}
