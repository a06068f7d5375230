use dfdx::prelude::*;

use super::Driver;
use crate::step::LossValue;

/// A value for which the compiler chooses a trait of this module by its type. References in front of it rank the
/// traits: of those that the type has, the first is taken.
pub struct ByType<'a, T: ?Sized>(pub &'a T);

/// First choice: what a reference, a `Box` or a guard holds.
pub trait Behind<'a> {
    /// What is held.
    type Held: ?Sized;
    /// A reference to it.
    fn __sam_owner(&self) -> &'a Self::Held;
}

impl<'a, T: std::ops::Deref + ?Sized> Behind<'a> for &ByType<'a, T> {
    type Held = T::Target;

    fn __sam_owner(&self) -> &'a T::Target {
        self.0
    }
}

/// Otherwise: the value itself.
pub trait Itself<'a> {
    /// The value's type.
    type Held: ?Sized;
    /// A reference to it.
    fn __sam_owner(&self) -> &'a Self::Held;
}

impl<'a, T: ?Sized> Itself<'a> for ByType<'a, T> {
    type Held = T;

    fn __sam_owner(&self) -> &'a T {
        self.0
    }
}

/// What holds the model, whose method runs it.
#[diagnostic::on_unimplemented(
    message = "a method of `{Self}` runs the model, and `{Self}` is not `Clone`",
    label = "SAM runs this method once more, on a copy that holds the perturbed model",
    note = "derive `Clone` for `{Self}`, or run the model by its own name: `self.net.forward_mut(..)`",
    note = "see `errors/owner-not-clone` in sam-train's guide"
)]
pub trait Owner: Clone {}

impl<T: Clone> Owner for T {}

/// A copy of what holds the model.
pub fn owner_copy<T: Owner>(owner: &T) -> T {
    owner.clone()
}

/// Notes a loss whose value can be read.
pub trait NoteLoss {
    /// Notes the loss for the report.
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>, perturbed: bool);
}

impl<T: LossValue> NoteLoss for &ByType<'_, T> {
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>, perturbed: bool) {
        step.note_loss(self.0.lazy(), perturbed);
    }
}

/// Passes over a loss of a type that is not known.
pub trait PassOverLoss {
    /// Does nothing.
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>, _: bool) {}
}

impl<T> PassOverLoss for ByType<'_, T> {}
