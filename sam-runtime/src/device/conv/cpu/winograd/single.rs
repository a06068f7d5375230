//! Elements of a generic type, where they are `f32`: other types are computed directly.
#![allow(unsafe_code)]

use std::any::TypeId;

/// Of elements that are of another type.
pub(super) const SINGLE: &str = "only f32 is computed this way";

/// Whether `A` and `B` are one type.
fn is<A: 'static, B: 'static>() -> bool {
    TypeId::of::<A>() == TypeId::of::<B>()
}

/// The same elements, if the types are one.
pub(super) fn same<A: 'static, B: 'static>(elements: &[A]) -> Option<&[B]> {
    // SAFETY: it is one type.
    is::<A, B>().then(|| unsafe { &*(std::ptr::from_ref(elements) as *const [B]) })
}

/// [`same`], to be written.
pub(super) fn same_mut<A: 'static, B: 'static>(elements: &mut [A]) -> Option<&mut [B]> {
    // SAFETY: it is one type.
    is::<A, B>().then(|| unsafe { &mut *(std::ptr::from_mut(elements) as *mut [B]) })
}
