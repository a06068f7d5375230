//! Memory for kernels: aligned, or written before it is read, so that it need not be cleared.
#![allow(unsafe_code)]

use std::{
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
};

/// Zeros that begin at the start of a line of the cache.
pub(in crate::device) struct Aligned<E> {
    elements: Vec<E>,
    start: usize,
    len: usize,
}

/// Bytes of a line of the cache, and of the longest vector.
const LINE: usize = 64;

impl<E: Copy + Default> Aligned<E> {
    pub(in crate::device) fn zeros(len: usize) -> Self {
        let elements = vec![E::default(); len + LINE / size_of::<E>()];
        let start = elements
            .as_ptr()
            .align_offset(LINE)
            .min(LINE / size_of::<E>());
        Self {
            elements,
            start,
            len,
        }
    }
}

impl<E> Deref for Aligned<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.elements[self.start..][..self.len]
    }
}

impl<E> DerefMut for Aligned<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.elements[self.start..][..self.len]
    }
}

/// The same elements, to be written without being read.
///
/// # Safety
/// What is written are elements, not the lack of them.
pub(in crate::device) unsafe fn as_uninit<E>(elements: &mut [E]) -> &mut [MaybeUninit<E>] {
    // SAFETY: the two have one layout, and the caller's word keeps the elements whole.
    unsafe { &mut *(std::ptr::from_mut(elements) as *mut [MaybeUninit<E>]) }
}

/// A vector of `len` elements, all of which `write` writes. It says how many it was handed and wrote: tasks that
/// came out short leave no element unwritten unseen.
///
/// # Safety
/// `write` returns the number of elements that it has written, each once.
pub(in crate::device) unsafe fn written<E: Copy>(
    len: usize,
    write: impl FnOnce(&mut [MaybeUninit<E>]) -> usize,
) -> Vec<E> {
    let mut vec = Vec::with_capacity(len);
    let count = write(&mut vec.spare_capacity_mut()[..len]);
    assert_eq!(count, len, "a kernel has written all of its result");
    // SAFETY: the caller's: `len` elements were written, and there is room for them.
    unsafe { vec.set_len(len) };
    vec
}
