//! Places that the replay only reads: itself, or a copy where it may be changed behind a shared reference.

use std::marker::PhantomData;

use super::{Allowed, Apart, ByType, Own, Refused, Uncopied};

/// What the replay gets of a place that it only reads.
pub trait View<T: ?Sized> {
    /// The type of the place, or what that refers to.
    type Target: ?Sized;
    /// The place, or what is kept of it.
    fn at<'a>(&'a self, place: &'a T) -> &'a Self::Target;
}

/// A view for one of several passes.
pub trait CopyView {
    /// One that shares nothing with this one.
    fn copy(&self) -> Self;
}

/// The place itself.
pub struct AsIs;

impl CopyView for AsIs {
    fn copy(&self) -> Self {
        Self
    }
}

impl<T: ?Sized> View<T> for AsIs {
    type Target = T;

    fn at<'a>(&'a self, place: &'a T) -> &'a T {
        place
    }
}

/// A copy of what it was; the place itself where that was locked.
pub struct Private<T>(pub(super) Option<T>);

impl<T: Apart> CopyView for Private<T> {
    fn copy(&self) -> Self {
        Self(self.0.as_ref().and_then(T::apart))
    }
}

/// A clone of what it was.
pub struct Cloned<T>(T);

impl<T: Clone> CopyView for Cloned<T> {
    fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> View<T> for Cloned<T> {
    type Target = T;

    fn at<'a>(&'a self, _: &'a T) -> &'a T {
        &self.0
    }
}

impl<T> Allowed for Cloned<T> {}

impl<T> View<T> for Private<T> {
    type Target = T;

    fn at<'a>(&'a self, place: &'a T) -> &'a T {
        self.0.as_ref().unwrap_or(place)
    }
}

impl<T> CopyView for Refused<T> {
    fn copy(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T> View<T> for Refused<T> {
    type Target = T;

    fn at<'a>(&'a self, place: &'a T) -> &'a T {
        place
    }
}

/// First choice: what is changed behind a shared reference, or can't be used twice.
pub trait ViewOwn {
    /// What is kept.
    type View;
    /// Keeps it.
    fn __sam_view(&self) -> Self::View;
}

impl<T: Own> ViewOwn for &&&ByType<'_, T> {
    type View = T::View;

    fn __sam_view(&self) -> T::View {
        self.0.view()
    }
}

/// Second choice: what threads may share is as it is.
pub trait ViewShared {
    /// Keeps nothing.
    fn __sam_view(&self) -> AsIs;
}

impl<T: Sync + ?Sized> ViewShared for &&ByType<'_, T> {
    fn __sam_view(&self) -> AsIs {
        AsIs
    }
}

/// Third choice: a clone, where a `Cell` may be inside.
pub trait ViewClone {
    /// The type.
    type Value;
    /// Keeps a clone.
    fn __sam_view(&self) -> Cloned<Self::Value>;
}

impl<T: Clone> ViewClone for &ByType<'_, T> {
    type Value = T;

    fn __sam_view(&self) -> Cloned<T> {
        Cloned(self.0.clone())
    }
}

/// Last choice: as it is.
pub trait ViewAsIs {
    /// Keeps nothing.
    fn __sam_view(&self) -> AsIs;
}

impl<T: ?Sized> ViewAsIs for ByType<'_, T> {
    fn __sam_view(&self) -> AsIs {
        AsIs
    }
}

/// Where a method is called on the place before the replay. Second choice: what has no methods of its own.
pub trait ViewSlice {
    /// Keeps nothing.
    fn __sam_view(&self) -> AsIs;
}

impl<T> ViewSlice for &&ByType<'_, [T]> {
    fn __sam_view(&self) -> AsIs {
        AsIs
    }
}

impl ViewSlice for &&ByType<'_, str> {
    fn __sam_view(&self) -> AsIs {
        AsIs
    }
}

/// Last choice: see [`Uncopied`].
pub trait ViewNot<'r> {
    /// What the place holds.
    type Value: ?Sized;
    /// Keeps a reference.
    fn __sam_view(&self) -> Uncopied<'r, Self::Value>;
}

impl<'r, T: ?Sized> ViewNot<'r> for ByType<'r, T> {
    type Value = T;

    fn __sam_view(&self) -> Uncopied<'r, T> {
        Uncopied(self.0)
    }
}
