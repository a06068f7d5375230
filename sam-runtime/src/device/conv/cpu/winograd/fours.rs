//! Vectors as pieces of four elements.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use pulp::Simd;

use crate::device::cpu::simd::Real;

/// Elements whose vectors are dealt out in pieces of four. Vectors have a multiple of four lanes.
pub(super) trait Fours: Real {
    /// Element `j` of each piece of vector `i` becomes element `i` of that piece of vector `j`.
    fn transposed<S: Simd>(simd: S, fours: [Self::Lanes<S>; 4]) -> [Self::Lanes<S>; 4];

    /// The vector whose pieces of four elements begin at `from(0)`, `from(1)` and so on.
    ///
    /// # Safety
    /// Four elements can be read at each of them.
    #[inline(always)]
    unsafe fn load_fours<S: Simd>(from: impl Fn(usize) -> *const Self) -> Self::Lanes<S> {
        let mut vector = MaybeUninit::<Self::Lanes<S>>::uninit();
        let to = vector.as_mut_ptr().cast::<Self>();
        // SAFETY: the caller's; the pieces are all of the vector, whose elements are numbers.
        unsafe {
            for piece in 0..Self::lanes::<S>() / 4 {
                from(piece).copy_to_nonoverlapping(to.add(4 * piece), 4);
            }
            vector.assume_init()
        }
    }

    /// Writes the pieces of four elements of a vector, each to its place.
    ///
    /// # Safety
    /// Four elements can be written at each of them.
    #[inline(always)]
    unsafe fn store_fours<S: Simd>(lanes: Self::Lanes<S>, to: impl Fn(usize) -> *mut Self) {
        let from = (&raw const lanes).cast::<Self>();
        for piece in 0..Self::lanes::<S>() / 4 {
            // SAFETY: the caller's; the pieces are parts of the vector.
            unsafe { from.add(4 * piece).copy_to_nonoverlapping(to(piece), 4) };
        }
    }
}

impl Fours for f32 {
    #[inline(always)]
    fn transposed<S: Simd>(simd: S, fours: [S::f32s; 4]) -> [S::f32s; 4] {
        // Within pieces of 128 bits, as pulp has it for AVX and AVX-512.
        simd.deinterleave_shfl_f32s(fours)
    }
}
