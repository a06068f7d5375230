//! Memory that is written before it is read, so that it need not be cleared.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

/// A vector of `len` elements, all of which `write` writes.
///
/// # Safety
/// `write` has written every element when it returns.
pub(super) unsafe fn written<E: Copy>(
    len: usize,
    write: impl FnOnce(&mut [MaybeUninit<E>]),
) -> Vec<E> {
    let mut vec = Vec::with_capacity(len);
    write(&mut vec.spare_capacity_mut()[..len]);
    // SAFETY: the caller's: `len` elements were written, and there is room for them.
    unsafe { vec.set_len(len) };
    vec
}
