//! Elements that the kernels compute with, and their vectors.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use dfdx::{
    shapes::Dtype,
    tensor::{Cpu, Storage},
};
use pulp::{Arch, Simd, WithSimd};

use super::product::{Product, compute};

/// Runs `f` with the widest vectors that the processor has: what is inlined into it is compiled for them.
/// (pulp's own `dispatch` of a closure takes `FnOnce`, through a shim that is not inlined.)
#[inline]
pub(crate) fn vectorized<R>(f: impl FnMut() -> R) -> R {
    struct Vectorized<F>(F);

    impl<R, F: FnMut() -> R> WithSimd for Vectorized<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            (self.0)()
        }
    }

    Arch::new().dispatch(Vectorized(f))
}

/// An element of a kernel's buffers: `f32` or `f64`.
pub(in crate::device) trait Real: Dtype + PartialOrd {
    /// A vector of the instruction set `S`.
    type Lanes<S: Simd>: Copy;
    /// A truth for each of its elements.
    type Mask<S: Simd>: Copy;

    /// Elements of a vector.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::Lanes<S>>() / size_of::<Self>()
    }

    fn splat<S: Simd>(simd: S, x: Self) -> Self::Lanes<S>;
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Lanes<S>,
        b: Self::Lanes<S>,
        c: Self::Lanes<S>,
    ) -> Self::Lanes<S>;
    fn plus<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    fn minus<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    fn sum<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self;
    fn equal<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Mask<S>;
    /// Whether `b` is larger than `a`, or NaN.
    fn better<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Mask<S>;
    /// `a` where that is true, else `b`.
    fn select<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        a: Self::Lanes<S>,
        b: Self::Lanes<S>,
    ) -> Self::Lanes<S>;
    /// The elements of a gradient.
    fn host(buffer: &mut <Cpu as Storage<Self>>::Vec) -> &mut Vec<Self>;
    /// [`compute`], compiled with this crate, and not again with every crate that trains.
    ///
    /// # Safety
    /// That of [`compute`].
    unsafe fn multiply(product: &Product<'_, Self>);
    fn wide(self) -> f64;
    fn narrow(x: f64) -> Self;

    /// The vector that begins at `from`.
    ///
    /// # Safety
    /// [`lanes`](Self::lanes) elements can be read there; they need no alignment beyond their own.
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> Self::Lanes<S> {
        // SAFETY: the caller's. A vector is nothing but its elements, for which any bits will do.
        unsafe { from.cast::<Self::Lanes<S>>().read_unaligned() }
    }

    /// The vector whose halves begin at `first` and at `second`.
    ///
    /// # Safety
    /// Half of [`lanes`](Self::lanes) elements can be read at each of them.
    #[inline(always)]
    unsafe fn load_halves<S: Simd>(first: *const Self, second: *const Self) -> Self::Lanes<S> {
        let half = Self::lanes::<S>() / 2;
        let mut vector = MaybeUninit::<Self::Lanes<S>>::uninit();
        let to = vector.as_mut_ptr().cast::<Self>();
        // SAFETY: the caller's; the two halves are all of the vector, whose elements are numbers.
        unsafe {
            first.copy_to_nonoverlapping(to, half);
            second.copy_to_nonoverlapping(to.add(half), half);
            vector.assume_init()
        }
    }

    /// Writes a vector.
    ///
    /// # Safety
    /// [`lanes`](Self::lanes) elements can be written there.
    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Self, lanes: Self::Lanes<S>) {
        // SAFETY: the caller's.
        unsafe { to.cast::<Self::Lanes<S>>().write_unaligned(lanes) }
    }
}

macro_rules! real {
    (
        $E:ty, $lanes:ident, $splat:ident, $mul_add:ident, $add:ident, $sub:ident, $sum:ident,
        $mask:ident, $equal:ident, $less:ident, $not:ident, $or:ident, $select:ident
    ) => {
        impl Real for $E {
            type Lanes<S: Simd> = S::$lanes;
            type Mask<S: Simd> = S::$mask;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$lanes {
                simd.$splat(x)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes, c: S::$lanes) -> S::$lanes {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn minus<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$sub(a, b)
            }

            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$lanes) -> Self {
                simd.$sum(a)
            }

            #[inline(always)]
            fn equal<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$mask {
                simd.$equal(a, b)
            }

            #[inline(always)]
            fn better<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$mask {
                simd.$or(simd.$less(a, b), simd.$not(simd.$equal(b, b)))
            }

            #[inline(always)]
            fn select<S: Simd>(simd: S, mask: S::$mask, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$select(mask, a, b)
            }

            fn host(buffer: &mut <Cpu as Storage<Self>>::Vec) -> &mut Vec<Self> {
                buffer
            }

            #[inline(never)]
            unsafe fn multiply(product: &Product<'_, Self>) {
                // SAFETY: the caller's.
                unsafe { compute(product) }
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            #[allow(clippy::unnecessary_cast)]
            fn narrow(x: f64) -> Self {
                x as Self
            }
        }
    };
}

real!(
    f32,
    f32s,
    splat_f32s,
    mul_add_e_f32s,
    add_f32s,
    sub_f32s,
    reduce_sum_f32s,
    m32s,
    equal_f32s,
    less_than_f32s,
    not_m32s,
    or_m32s,
    select_f32s
);
real!(
    f64,
    f64s,
    splat_f64s,
    mul_add_e_f64s,
    add_f64s,
    sub_f64s,
    reduce_sum_f64s,
    m64s,
    equal_f64s,
    less_than_f64s,
    not_m64s,
    or_m64s,
    select_f64s
);
