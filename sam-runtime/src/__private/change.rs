//! Values from outside that the slice may change by a method.

use dfdx::prelude::*;

use super::{ByType, Driver, Kept, Own, Recorded, Shared, Snapshot, Uncopied};

/// Last choice for what the slice may change, where a method is called on the value before the replay.
pub trait ChangeUncopied<'r> {
    /// What it refers to.
    type Value: ?Sized;
    /// Keeps it.
    fn __sam_change<M, E: Dtype, D: Device<E>>(
        &self,
        step: &Driver<'_, M, E, D>,
    ) -> Uncopied<'r, Self::Value>;
}

impl<'r, T: ?Sized> ChangeUncopied<'r> for ByType<'r, T> {
    type Value = T;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Uncopied<'r, T> {
        Uncopied(self.0)
    }
}

/// A clone of what a `&mut` refers to, to be changed in its place.
pub struct Substitute<T>(Option<T>);

impl<T: Clone> Recorded for Substitute<T> {
    type Bound<'a>
        = &'a mut T
    where
        Self: 'a;

    fn bind(&mut self) -> &mut T {
        self.0.as_mut().expect("a recorded value is there")
    }

    fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub trait $name {
            /// What is kept.
            type Record;
            /// Keeps it.
            fn __sam_change<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Record;
        }
    )*};
}

choices! {
    /// For what the slice may change by a method. First choice: see [`RecordOwn`](super::RecordOwn).
    ChangeOwn;
    /// Second choice: a tensor, which shares only what is never written to.
    ChangeTensor;
    /// Third choice: a clone. What can be sent and shared between threads holds no `Rc` and no `Cell` by
    /// which a clone would change the original as well.
    ChangeByClone;
    /// Fourth choice: a clone of what a `&mut` refers to, with the same reason.
    ChangeThrough;
    /// Fifth choice: a clone that may share something, for reading.
    ChangeNot;
    /// Sixth choice: the same of what a `&mut` refers to.
    ChangeThroughNot;
}

impl<T: Own> ChangeOwn for &&&&&&ByType<'_, T> {
    type Record = T::Record;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> T::Record {
        self.0.record()
    }
}

impl<S: Shape, E2: Clone, D2: Storage<E2>, T2: Clone> ChangeTensor
    for &&&&&ByType<'_, Tensor<S, E2, D2, T2>>
{
    type Record = Kept<Tensor<S, E2, D2, T2>>;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Self::Record {
        Kept(Some(self.0.clone()))
    }
}

impl<T: Clone + Send + Sync> ChangeByClone for &&&&ByType<'_, T> {
    type Record = Kept<T>;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Kept<T> {
        Kept(Some(self.0.clone()))
    }
}

impl<T: Clone + Send + Sync> ChangeThrough for &&&ByType<'_, &mut T> {
    type Record = Substitute<T>;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Substitute<T> {
        Substitute(Some(T::clone(self.0)))
    }
}

impl<T: Clone> ChangeNot for &&ByType<'_, T> {
    type Record = Snapshot<T>;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Snapshot<T> {
        Snapshot(Some(self.0.clone()))
    }
}

impl<T: Clone> ChangeThroughNot for &ByType<'_, &mut T> {
    type Record = Snapshot<T>;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Snapshot<T> {
        Snapshot(Some(T::clone(self.0)))
    }
}

/// Last choice: a reference.
pub trait ChangeByReference<'r> {
    /// What it refers to.
    type Value: ?Sized;
    /// Keeps it.
    fn __sam_change<M, E: Dtype, D: Device<E>>(
        &self,
        step: &Driver<'_, M, E, D>,
    ) -> Shared<'r, Self::Value>;
}

impl<'r, T: ?Sized> ChangeByReference<'r> for ByType<'r, T> {
    type Value = T;

    fn __sam_change<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) -> Shared<'r, T> {
        Shared(self.0)
    }
}
