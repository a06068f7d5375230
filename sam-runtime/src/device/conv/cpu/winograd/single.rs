//! Elements of a generic type, where they are `f32`: other types are computed directly.
#![allow(unsafe_code)]

use std::any::TypeId;

use crate::device::{conv::cpu::ends::Input, cpu::simd::Real};

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

/// An input whose elements are `f32`.
pub(super) fn single<E: Real>(x: Input<'_, E>) -> Input<'_, f32> {
    match x {
        Input::Given(x) => Input::Given(same(x).expect(SINGLE)),
        Input::Normalized(z, lines) => {
            let lines = same(std::slice::from_ref(lines)).expect(SINGLE);
            Input::Normalized(same(z).expect(SINGLE), &lines[0])
        }
    }
}
