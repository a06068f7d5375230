//! What can be changed behind a shared reference: a replay gets one of its own.

use std::{
    cell::{Cell, RefCell},
    marker::PhantomData,
    rc::Rc,
    sync::{Arc, Mutex, RwLock, atomic, mpsc},
};

use dfdx::prelude::*;

use super::{
    AsIs, CopyView, Gradients, Kept, Nothing, Private, Recorded, SameInBothPasses, Shared,
    Snapshot, Substitute, Uncopied, View,
};

/// A type that the replay knows how to keep apart, or must not use.
///
/// A value whose type is not known yet is taken for one: the compiler chooses by what it knows there.
#[diagnostic::on_unimplemented(
    message = "the forward pass or the loss uses a value before it is known that it is a `{Self}`",
    label = "its type must be known here",
    note = "write the type where it is bound, as in `let weight: f32 = ..;`",
    note = "see `errors/type-not-known` in sam-train's guide"
)]
pub trait Own {
    /// What is kept of a value.
    type Record: Recorded;
    /// What is kept of a place that is only read.
    type View;

    /// Keeps a value.
    fn record(&self) -> Self::Record;

    /// Keeps what a place holds.
    fn view(&self) -> Self::View;
}

/// A copy that shares nothing with the original; `None` where a lock is held.
pub trait Apart: Sized {
    /// See [`Apart`].
    fn apart(&self) -> Option<Self>;
}

macro_rules! atomics {
    ($($name:ident)*) => {$(
        impl Apart for atomic::$name {
            fn apart(&self) -> Option<Self> {
                Some(Self::new(self.load(atomic::Ordering::SeqCst)))
            }
        }
    )*};
}

atomics!(AtomicBool AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize);

impl<T: Copy> Apart for Cell<T> {
    fn apart(&self) -> Option<Self> {
        Some(self.clone())
    }
}

impl<T: Clone> Apart for RefCell<T> {
    fn apart(&self) -> Option<Self> {
        Some(Self::new(self.try_borrow().ok()?.clone()))
    }
}

impl<T: Clone> Apart for Mutex<T> {
    fn apart(&self) -> Option<Self> {
        Some(Self::new(self.try_lock().ok()?.clone()))
    }
}

impl<T: Clone> Apart for RwLock<T> {
    fn apart(&self) -> Option<Self> {
        Some(Self::new(self.try_read().ok()?.clone()))
    }
}

impl<T: Apart> Apart for Box<T> {
    fn apart(&self) -> Option<Self> {
        T::apart(self).map(Self::new)
    }
}

impl<T: Apart> Apart for Rc<T> {
    fn apart(&self) -> Option<Self> {
        T::apart(self).map(Self::new)
    }
}

impl<T: Apart> Apart for Arc<T> {
    fn apart(&self) -> Option<Self> {
        T::apart(self).map(Self::new)
    }
}

macro_rules! own {
    ($(<$($param:ident: $bound:path),*> $ty:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($param: $bound),*> Own for $ty {
            type Record = KeptApart<Self>;
            type View = Private<Self>;

            fn record(&self) -> KeptApart<Self> {
                KeptApart(self.apart())
            }

            fn view(&self) -> Private<Self> {
                Private(self.apart())
            }
        }
    )*};
}

own! {
    <> atomic::AtomicBool;
    <> atomic::AtomicI8;
    <> atomic::AtomicI16;
    <> atomic::AtomicI32;
    <> atomic::AtomicI64;
    <> atomic::AtomicIsize;
    <> atomic::AtomicU8;
    <> atomic::AtomicU16;
    <> atomic::AtomicU32;
    <> atomic::AtomicU64;
    <> atomic::AtomicUsize;
    <T: Copy> Cell<T>;
    <T: Clone> RefCell<T>;
    <T: Clone> Mutex<T>;
    <T: Clone> RwLock<T>;
    <T: Apart> Box<T>;
    <T: Apart> Rc<T>;
    <T: Apart> Arc<T>;
}

macro_rules! own_through {
    ($($reference:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: Apart> Own for $reference {
            type Record = Through<T>;
            type View = Through<T>;

            fn record(&self) -> Through<T> {
                Through(self.apart())
            }

            fn view(&self) -> Through<T> {
                Through(self.apart())
            }
        }

        impl<T> View<$reference> for Through<T> {
            type Target = T;

            fn at<'a>(&'a self, place: &'a $reference) -> &'a T {
                self.0.as_ref().unwrap_or(place)
            }
        }
    )*};
}

own_through! {
    &T;
    &mut T;
}

/// A copy of what a reference refers to, which shares nothing with it.
pub struct Through<T>(Option<T>);

impl<T: Apart> CopyView for Through<T> {
    fn copy(&self) -> Self {
        Self(self.0.as_ref().and_then(T::apart))
    }
}

impl<T: Apart> Recorded for Through<T> {
    type Bound<'a>
        = &'a T
    where
        Self: 'a;

    fn bind(&mut self) -> &T {
        self.0.as_ref().expect("what the slice uses is not locked")
    }

    fn copy(&self) -> Self {
        Self(self.0.as_ref().and_then(T::apart))
    }
}

/// Gradients that the attribute did not recognize: they came by another name.
pub struct StrayGradients;

#[diagnostic::do_not_recommend]
impl<E: Dtype, D: Device<E>> Own for Gradients<E, D> {
    type Record = StrayGradients;
    type View = StrayGradients;

    fn record(&self) -> StrayGradients {
        StrayGradients
    }

    fn view(&self) -> StrayGradients {
        StrayGradients
    }
}

impl Recorded for StrayGradients {
    type Bound<'a> = StrayGradients;

    fn bind(&mut self) -> StrayGradients {
        StrayGradients
    }

    fn copy(&self) -> Self {
        Self
    }
}

impl CopyView for StrayGradients {
    fn copy(&self) -> Self {
        Self
    }
}

impl<E: Dtype, D: Device<E>> View<Gradients<E, D>> for StrayGradients {
    type Target = Gradients<E, D>;

    fn at<'a>(&'a self, place: &'a Gradients<E, D>) -> &'a Gradients<E, D> {
        place
    }
}

/// A copy that shares nothing with the original.
pub struct KeptApart<T>(Option<T>);

impl<T: Apart> Recorded for KeptApart<T> {
    type Bound<'a>
        = T
    where
        Self: 'a;

    fn bind(&mut self) -> T {
        self.0.take().expect("what the slice uses is not locked")
    }

    fn copy(&self) -> Self {
        Self(self.0.as_ref().and_then(T::apart))
    }
}

/// A value that must not be used twice.
pub struct Refused<T>(pub(super) PhantomData<T>);

macro_rules! refused {
    ($($ty:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T> Own for $ty {
            type Record = Refused<Self>;
            type View = Refused<Self>;

            fn record(&self) -> Refused<Self> {
                Refused(PhantomData)
            }

            fn view(&self) -> Refused<Self> {
                Refused(PhantomData)
            }
        }
    )*};
}

refused! {
    mpsc::Sender<T>;
    mpsc::SyncSender<T>;
    mpsc::Receiver<T>;
    &mpsc::Sender<T>;
    &mpsc::SyncSender<T>;
    &mpsc::Receiver<T>;
    &mut mpsc::Sender<T>;
    &mut mpsc::SyncSender<T>;
    &mut mpsc::Receiver<T>;
}

impl<T> Recorded for Refused<T> {
    type Bound<'a>
        = T
    where
        Self: 'a;

    fn bind(&mut self) -> T {
        unreachable!("a channel is refused")
    }

    fn copy(&self) -> Self {
        Self(PhantomData)
    }
}

/// What the replay may use.
#[diagnostic::on_unimplemented(
    message = "a channel or gradients can't be used by the forward pass or the loss, which run twice",
    label = "used by the forward pass or the loss",
    note = "send or receive in a statement of its own, `let weight = rx.recv()?;`; hand gradients over in the call that traces, as in `loss_of(model, x, y, grads)`",
    note = "see `errors/used-once` in sam-train's guide"
)]
pub trait Allowed {}

impl<T> Allowed for Kept<T> {}
impl<T> Allowed for KeptApart<T> {}
impl<T> Allowed for Snapshot<T> {}
impl<T> Allowed for Substitute<T> {}
impl<T> Allowed for Nothing<T> {}
impl<T: ?Sized> Allowed for Shared<'_, T> {}
impl<T> Allowed for Private<T> {}
impl<T> Allowed for Through<T> {}
impl<T: SameInBothPasses + ?Sized> Allowed for Uncopied<'_, T> {}
impl Allowed for AsIs {}

/// `record`, if the replay may use it.
pub fn allowed<R: Allowed>(record: R) -> R {
    record
}
