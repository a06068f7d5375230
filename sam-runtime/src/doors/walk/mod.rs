//! The tensors of a model, one after the other, without their shapes in their types.
//!
//! dfdx compiles a walk for each visitor, module and shape, in the user's crate. So there is one visitor, with
//! five ways to meet a tensor, for all that the library does with a model; what it meets is a trait object.
//!
//! | walk | meets |
//! |---|---|
//! | [`each`] | each tensor |
//! | [`names`] | each name |
//! | [`each_named`] | each tensor with its name, to be read |
//! | [`each_named_mut`] | each tensor with its name, to be written |
//! | [`each_pair`] | the same tensor of two models, the first one to be written |
//!
//! Names are dfdx's, such as `0.weight`; that of a model which is a single tensor is empty. Parameters are told from
//! buffers by `TensorOptions::do_gradient_update` (`dfdx/src/nn/tensor_collection/collection.rs` of dfdx 0.13.0): were
//! running statistics not told from parameters, they would be perturbed.
//!
//! `tensor` has the traits of what is met, `visitor` the visitor.

mod tensor;
mod visitor;

use dfdx::{nn::tensor_collection::*, prelude::*};

pub(crate) use tensor::{AnyTensor, Pair, Readable, Writable};
use visitor::{Names, Visitor, walk};

/// Which tensors of a model.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Which {
    All,
    /// What the optimizer updates.
    Parameters,
    /// The rest: BatchNorm's running statistics.
    Buffers,
}

/// What is done with the same tensor of two models.
pub(crate) type EachPair<'a, E, D> =
    &'a mut dyn FnMut(&mut dyn Pair<E, D>) -> Result<(), <D as HasErr>::Err>;

/// What is done with a tensor.
pub(crate) type Each<'a, E, D> =
    &'a mut dyn FnMut(&dyn AnyTensor<E, D>) -> Result<(), <D as HasErr>::Err>;

/// What is done with a tensor that has a name.
pub(crate) type EachNamed<'a, E, D> =
    &'a mut dyn FnMut(String, &dyn Readable<E, D>) -> Result<(), <D as HasErr>::Err>;

/// What is done with a tensor that has a name and may be written.
pub(crate) type EachNamedMut<'a, E, D> =
    &'a mut dyn FnMut(String, &mut dyn Writable<E, D>) -> Result<(), <D as HasErr>::Err>;

/// Calls `f` with tensors of `model`; the first error ends the walk.
pub(crate) fn each<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    which: Which,
    f: Each<'_, E, D>,
) -> Result<(), D::Err> {
    walk::<E, D, M, _>(model, &mut Visitor(which, f))
}

/// The names of tensors of `model`.
pub(crate) fn names<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    _: &M,
    which: Which,
) -> Result<Vec<String>, D::Err> {
    let mut visitor = Visitor(which, Names(Vec::new()));
    walk::<E, D, M, _>(String::new(), &mut visitor)?;
    Ok(visitor.1.0)
}

/// Calls `f` with tensors of `model` and their names; the first error ends the walk.
pub(crate) fn each_named<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    which: Which,
    f: EachNamed<'_, E, D>,
) -> Result<(), D::Err> {
    walk::<E, D, M, _>((model, String::new()), &mut Visitor(which, f))
}

/// Calls `f` with tensors of `model` and their names; the first error ends the walk.
pub(crate) fn each_named_mut<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &mut M,
    which: Which,
    f: EachNamedMut<'_, E, D>,
) -> Result<(), D::Err> {
    walk::<E, D, M, _>((model, String::new()), &mut Visitor(which, f))
}

/// Calls `f` with tensors of two models; the first error ends the walk.
pub(crate) fn each_pair<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    into: &mut M,
    from: &M,
    which: Which,
    f: EachPair<'_, E, D>,
) -> Result<(), D::Err> {
    walk::<E, D, M, _>((into, from), &mut Visitor(which, f))
}

#[cfg(test)]
mod tests;
