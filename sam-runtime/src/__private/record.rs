//! Values that enter the slice from outside, kept for the replay.

use dfdx::prelude::*;

use super::{
    ByType, CopyView, Driver, View,
    own::{Allowed, KeptApart, Own, Refused, StrayGradients, Through},
};

/// A recorded value, and what the replay gets of it.
pub trait Recorded {
    /// What is bound in the replay.
    type Bound<'a>
    where
        Self: 'a;

    /// Binds it, once.
    fn bind(&mut self) -> Self::Bound<'_>;

    /// The same for one of several passes.
    fn copy(&self) -> Self;
}

/// A clone.
pub struct Kept<T>(pub(super) Option<T>);

impl<T: Clone> Recorded for Kept<T> {
    type Bound<'a>
        = T
    where
        Self: 'a;

    fn bind(&mut self) -> T {
        self.0.take().expect("a recorded value is bound once")
    }

    fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A clone of what a `&mut` refers to, for reading.
pub struct Snapshot<T>(pub(super) Option<T>);

impl<T: Clone> Recorded for Snapshot<T> {
    type Bound<'a>
        = &'a T
    where
        Self: 'a;

    fn bind(&mut self) -> &T {
        self.0.as_ref().expect("a recorded value is there")
    }

    fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A reference to what can't be cloned.
pub struct Shared<'r, T: ?Sized>(pub(super) &'r T);

impl<'r, T: ?Sized> Recorded for Shared<'r, T> {
    type Bound<'a>
        = &'r T
    where
        Self: 'a;

    fn bind(&mut self) -> &'r T {
        self.0
    }

    fn copy(&self) -> Self {
        Self(self.0)
    }
}

/// First choice: what is changed behind a shared reference, or can't be used twice.
pub trait RecordOwn {
    /// What is kept.
    type Record;
    /// Keeps it.
    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Record;
}

impl<T: Own> RecordOwn for &&&ByType<'_, T> {
    type Record = T::Record;

    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> T::Record {
        self.0.record()
    }
}

/// Second choice: a clone.
pub trait RecordByClone {
    /// What is kept.
    type Record;
    /// Keeps it.
    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Record;
}

impl<T: Clone> RecordByClone for &&ByType<'_, T> {
    type Record = Kept<T>;

    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Kept<T> {
        Kept(Some(self.0.clone()))
    }
}

/// Third choice: a clone of what a `&mut` refers to.
pub trait RecordMutReference {
    /// What is kept.
    type Record;
    /// Keeps it.
    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Record;
}

impl<T: Clone> RecordMutReference for &ByType<'_, &mut T> {
    type Record = Snapshot<T>;

    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Snapshot<T> {
        Snapshot(Some(T::clone(self.0)))
    }
}

/// Last choice: a reference.
pub trait RecordByReference<'r> {
    /// What it refers to.
    type Value: ?Sized;
    /// Keeps it.
    fn __sam_record<M, E: Dtype, D: Device<E>>(
        &self,
        step: &Driver<'_, M, E, D>,
    ) -> Shared<'r, Self::Value>;
}

impl<'r, T: ?Sized> RecordByReference<'r> for ByType<'r, T> {
    type Value = T;

    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Shared<'r, T> {
        Shared(self.0)
    }
}

/// A reference to what can't be cloned, and may change before the replay: [`allowed`](super::allowed) refuses it.
pub struct Uncopied<'r, T: ?Sized>(pub(super) &'r T);

impl<'r, T: ?Sized> Recorded for Uncopied<'r, T> {
    type Bound<'a>
        = &'r T
    where
        Self: 'a;

    fn bind(&mut self) -> &'r T {
        self.0
    }

    fn copy(&self) -> Self {
        Self(self.0)
    }
}

impl<T: ?Sized> CopyView for Uncopied<'_, T> {
    fn copy(&self) -> Self {
        Self(self.0)
    }
}

impl<T: ?Sized> View<T> for Uncopied<'_, T> {
    type Target = T;

    fn at<'a>(&'a self, place: &'a T) -> &'a T {
        place
    }
}

/// What is the same in both passes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may change between the two passes of a step, and is not `Clone`",
    label = "used by the forward pass or the loss, and a method is called on it before `backward`",
    note = "make it `Clone`, or take what the loss needs of it before the forward pass: `let weight = schedule.weight();`",
    note = "see `errors/changed-in-between` in sam-train's guide"
)]
pub trait SameInBothPasses {}

/// Last choice, where a method is called on the value before the replay.
pub trait RecordUncopied<'r> {
    /// What it refers to.
    type Value: ?Sized;
    /// Keeps it.
    fn __sam_record<M, E: Dtype, D: Device<E>>(
        &self,
        step: &Driver<'_, M, E, D>,
    ) -> Uncopied<'r, Self::Value>;
}

impl<'r, T: ?Sized> RecordUncopied<'r> for ByType<'r, T> {
    type Value = T;

    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Uncopied<'r, T> {
        Uncopied(self.0)
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

/// What is left of a value that both passes consume and that is not `Clone`: [`checked`] refuses it.
pub struct Nothing<T>(std::marker::PhantomData<T>);

impl<T> Recorded for Nothing<T> {
    type Bound<'a>
        = T
    where
        Self: 'a;

    fn bind(&mut self) -> T {
        unreachable!("a value that is used up is `Clone`")
    }

    fn copy(&self) -> Self {
        Self(std::marker::PhantomData)
    }
}

/// Last choice for values that are used up.
pub trait RecordConsumed {
    /// What is kept.
    type Record;
    /// Never called.
    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Record;
}

impl<T> RecordConsumed for ByType<'_, T> {
    type Record = Nothing<T>;

    fn __sam_record<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Nothing<T> {
        Nothing(std::marker::PhantomData)
    }
}

/// A record that can be used up, if its type can.
pub trait Consumable {
    /// What is to be used twice.
    type Value;
}

impl<T> Consumable for Kept<T> {
    type Value = ();
}

impl<T> Consumable for Snapshot<T> {
    type Value = ();
}

impl<T> Consumable for KeptApart<T> {
    type Value = ();
}

impl<T> Consumable for Through<T> {
    type Value = ();
}

impl<T> Consumable for Nothing<T> {
    type Value = T;
}

impl<T> Consumable for Refused<T> {
    type Value = ();
}

impl Consumable for StrayGradients {
    type Value = ();
}

/// `record`, if there is something in it: asks for [`UsedTwice`] with its error in the field's words.
pub fn checked<R: Consumable + Allowed>(record: R) -> R
where
    R::Value: UsedTwice,
{
    record
}
