//! Memory for kernels: aligned, or written before it is read, so that it need not be cleared.
#![allow(unsafe_code)]

use std::{
    cell::RefCell,
    marker::PhantomData,
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
};

use super::simd::Real;

/// Memory of a task that begins at the start of a line of the cache. A thread keeps it for its next tasks.
pub(in crate::device) struct Aligned<E> {
    lines: Vec<Line>,
    len: usize,
    elements: PhantomData<E>,
}

/// A line of the cache, which is as long as the longest vector.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [u8; 64]);

/// So many pieces of memory are kept by a thread.
const KEPT: usize = 16;

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

impl<E: Real> Aligned<E> {
    /// Elements of any values.
    pub(in crate::device) fn any(len: usize) -> Self {
        let count = (len * size_of::<E>()).div_ceil(size_of::<Line>());
        let mut lines = FREE
            .with_borrow_mut(|free| {
                // The smallest one that has room, or the largest.
                let fits = |i: &usize| free[*i].len() >= count;
                let fit = (0..free.len()).filter(fits).min_by_key(|i| free[*i].len());
                let best = fit.or_else(|| (0..free.len()).max_by_key(|i| free[*i].len()));
                best.map(|i| free.swap_remove(i))
            })
            .unwrap_or_default();
        if lines.len() < count {
            lines.resize(count, Line([0; 64]));
        }
        Self {
            lines,
            len,
            elements: PhantomData,
        }
    }

    pub(in crate::device) fn zeros(len: usize) -> Self {
        let mut zeros = Self::any(len);
        zeros.fill(E::default());
        zeros
    }
}

impl<E> Drop for Aligned<E> {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // A thread that ends keeps nothing.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            free.push(lines);
            if free.len() > KEPT {
                let smallest = (0..free.len()).min_by_key(|i| free[*i].len());
                smallest.map(|i| free.swap_remove(i));
            }
        });
    }
}

impl<E> Deref for Aligned<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        // SAFETY: there are as many elements, which are floats (`any`): any bits will do, and all were written once.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<E> DerefMut for Aligned<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
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
