use dfdx::prelude::*;

use crate::{
    device::Fork,
    step::{LossValue, Replicate, machine::Pass},
};

/// Something to look at, through references that rank the traits below: the compiler takes the
/// first of them that the value's type has.
pub struct Look<'a, T: ?Sized>(pub &'a T);

/// First choice: what a reference, a `Box` or a guard holds.
pub trait Behind<'a> {
    /// What is held.
    type Held: ?Sized;
    /// A reference to it.
    fn __sam_owner(&self) -> &'a Self::Held;
}

impl<'a, T: std::ops::Deref + ?Sized> Behind<'a> for &Look<'a, T> {
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

impl<'a, T: ?Sized> Itself<'a> for Look<'a, T> {
    type Held = T;

    fn __sam_owner(&self) -> &'a T {
        self.0
    }
}

/// First choice: a copy on the pass's fork of the device.
pub trait ByFork {
    /// The copy's type.
    type Value;
    /// A copy for a pass.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Replicate> ByFork for &&Look<'_, T> {
    type Value = T;

    fn __sam_for_pass(&self, fork: Option<&Fork>) -> T {
        self.0.replicate(fork)
    }
}

/// Second choice: a clone.
pub trait ByClone {
    /// The copy's type.
    type Value;
    /// A copy for a pass.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Clone> ByClone for &Look<'_, T> {
    type Value = T;

    fn __sam_for_pass(&self, _: Option<&Fork>) -> T {
        self.0.clone()
    }
}

/// Third choice, for values that are only looked at: the value itself.
pub trait ByReference<'a> {
    /// The value's type.
    type Value;
    /// The value for a pass.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> &'a Self::Value;
}

impl<'a, T> ByReference<'a> for Look<'a, T> {
    type Value = T;

    fn __sam_for_pass(&self, _: Option<&Fork>) -> &'a T {
        self.0
    }
}

/// Third choice, for values that are used up: none. [`used_twice`] has refused the value, and one
/// error is enough.
pub trait ByNothing {
    /// The value's type.
    type Value;
    /// Never called.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T> ByNothing for Look<'_, T> {
    type Value = T;

    fn __sam_for_pass(&self, _: Option<&Fork>) -> T {
        unreachable!("a value that is used up is `Clone`")
    }
}

/// A value that both passes consume.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is used up by the forward pass or the loss, which run twice, and is not `Clone`",
    label = "SAM needs a copy of this for each of its two passes",
    note = "make it `Clone`, borrow it, or make it before the forward pass",
    note = "see `errors/consumed-not-clone` in sam-train's guide"
)]
pub trait UsedTwice {}

impl<T: Clone> UsedTwice for T {}

/// Asks for [`UsedTwice`] with its error in the field's words.
pub fn used_twice<T: UsedTwice>(_: &T) {}

/// The traced input of a pass, owned also where the loop has a reference to it.
pub trait InputByFork {
    /// The input's type.
    type Value;
    /// The input for a pass.
    fn __sam_input(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Replicate> InputByFork for &&Look<'_, T> {
    type Value = T;

    fn __sam_input(&self, fork: Option<&Fork>) -> T {
        self.0.replicate(fork)
    }
}

/// The traced input behind a reference.
pub trait InputByReference {
    /// The input's type.
    type Value;
    /// The input for a pass.
    fn __sam_input(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Replicate> InputByReference for &Look<'_, &T> {
    type Value = T;

    fn __sam_input(&self, fork: Option<&Fork>) -> T {
        self.0.replicate(fork)
    }
}

/// A traced input of any other type.
pub trait InputByClone {
    /// The input's type.
    type Value;
    /// The input for a pass.
    fn __sam_input(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Clone> InputByClone for Look<'_, T> {
    type Value = T;

    fn __sam_input(&self, _: Option<&Fork>) -> T {
        self.0.clone()
    }
}

/// Notes a loss whose value can be read.
pub trait NoteLoss {
    /// Notes the loss for the report.
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, pass: &mut Pass<M, E, D>);
}

impl<T: LossValue> NoteLoss for &Look<'_, T> {
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, pass: &mut Pass<M, E, D>) {
        pass.note_loss(self.0.lazy());
    }
}

/// Passes over a loss of a type that is not known.
pub trait PassOverLoss {
    /// Does nothing.
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, _: &mut Pass<M, E, D>) {}
}

impl<T> PassOverLoss for Look<'_, T> {}
