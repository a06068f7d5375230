//! Winograd's transforms in one dimension (Lavin & Gray 2016, [arXiv:1509.09308](https://arxiv.org/abs/1509.09308)).
//!
//! The points of F(2, 3) are 0, 1, -1 and infinity. Those of F(4, 3) are 0, and with both signs the roots of 1/2 and
//! of 2, and infinity: with 1 and 2, as in the paper, errors are twice as large (Barabasz et al. 2020,
//! [arXiv:1803.10986](https://arxiv.org/abs/1803.10986), on why). All transforms are interpolation matrices for these
//! points, sums of even and of odd powers taken once for both signs.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use pulp::Simd;

use crate::device::cpu::simd::Real;

/// A linear map of vectors, lane by lane.
pub(super) trait Line<const FROM: usize, const TO: usize> {
    fn of<S: Simd, E: Real>(simd: S, x: [E::Lanes<S>; FROM]) -> [E::Lanes<S>; TO];
}

/// Of the image: the paper's `B^T`.
pub(super) struct Image;
/// Of the kernel: `G`.
pub(super) struct Kernel;
/// Of the product, to places of the output: `A^T`.
pub(super) struct Places;
/// Of the output's gradient: `A`.
pub(super) struct Gradient;
/// To the kernel's gradient: `G^T`.
pub(super) struct KernelGradient;

/// The transforms of F(`SIDE` x `SIDE`, 3 x 3), whose tiles have `POINTS` x `POINTS` points.
pub(super) trait Filtering<const SIDE: usize, const POINTS: usize> {
    type Image: Line<POINTS, POINTS>;
    type Kernel: Line<3, POINTS>;
    type Places: Line<POINTS, SIDE>;
    type Gradient: Line<SIDE, POINTS>;
    type KernelGradient: Line<POINTS, 3>;
}

/// [`Filtering`] of the sizes that there are.
pub(super) struct Winograd;

macro_rules! filtering {
    ($side:literal, $points:literal) => {
        impl Filtering<$side, $points> for Winograd {
            type Image = Image;
            type Kernel = Kernel;
            type Places = Places;
            type Gradient = Gradient;
            type KernelGradient = KernelGradient;
        }
    };
}

filtering!(2, 4);
filtering!(4, 6);

/// `a x + y`.
#[inline(always)]
fn axpy<S: Simd, E: Real>(simd: S, a: f64, x: E::Lanes<S>, y: E::Lanes<S>) -> E::Lanes<S> {
    E::mul_add(simd, E::splat(simd, E::narrow(a)), x, y)
}

/// `a x`.
#[inline(always)]
fn scaled<S: Simd, E: Real>(simd: S, a: f64, x: E::Lanes<S>) -> E::Lanes<S> {
    axpy::<S, E>(simd, a, x, E::splat(simd, E::default()))
}

/// `even + a odd` and `even - a odd`.
#[inline(always)]
fn both<S: Simd, E: Real>(simd: S, a: f64, [even, odd]: [E::Lanes<S>; 2]) -> [E::Lanes<S>; 2] {
    [
        axpy::<S, E>(simd, a, odd, even),
        axpy::<S, E>(simd, -a, odd, even),
    ]
}

impl Line<4, 4> for Image {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, [a, b, c, d]: [E::Lanes<S>; 4]) -> [E::Lanes<S>; 4] {
        [
            E::minus(simd, a, c),
            E::plus(simd, b, c),
            E::minus(simd, c, b),
            E::minus(simd, d, b),
        ]
    }
}

impl Line<6, 6> for Image {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, x: [E::Lanes<S>; 6]) -> [E::Lanes<S>; 6] {
        let add = |a, x, y| axpy::<S, E>(simd, a, x, y);
        let first = E::plus(simd, add(-2.5, x[2], x[4]), x[0]);
        let near = [add(-2.0, x[2], x[4]), add(-2.0, x[1], x[3])];
        let far = [add(-0.5, x[2], x[4]), add(-0.5, x[1], x[3])];
        let last = E::plus(simd, add(-2.5, x[3], x[5]), x[1]);
        let [b, c] = both::<S, E>(simd, FRAC_1_SQRT_2, near);
        let [d, e] = both::<S, E>(simd, SQRT_2, far);
        [first, b, c, d, e, last]
    }
}

impl Line<3, 4> for Kernel {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, [a, b, c]: [E::Lanes<S>; 3]) -> [E::Lanes<S>; 4] {
        let half = |x| scaled::<S, E>(simd, 0.5, x);
        let even = half(E::plus(simd, a, c));
        let [d, e] = both::<S, E>(simd, 0.5, [even, b]);
        [a, d, e, c]
    }
}

impl Line<3, 6> for Kernel {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, [a, b, c]: [E::Lanes<S>; 3]) -> [E::Lanes<S>; 6] {
        let part = |f, even| [scaled::<S, E>(simd, f, even), scaled::<S, E>(simd, f, b)];
        let near = part(-2.0 / 3.0, axpy::<S, E>(simd, 0.5, c, a));
        let far = part(1.0 / 6.0, axpy::<S, E>(simd, 2.0, c, a));
        let [d, e] = both::<S, E>(simd, FRAC_1_SQRT_2, near);
        let [f, g] = both::<S, E>(simd, SQRT_2, far);
        [a, d, e, f, g, c]
    }
}

impl Line<4, 2> for Places {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, [a, b, c, d]: [E::Lanes<S>; 4]) -> [E::Lanes<S>; 2] {
        [
            E::plus(simd, a, E::plus(simd, b, c)),
            E::plus(simd, d, E::minus(simd, b, c)),
        ]
    }
}

impl Line<6, 4> for Places {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, x: [E::Lanes<S>; 6]) -> [E::Lanes<S>; 4] {
        let add = |a, x, y| axpy::<S, E>(simd, a, x, y);
        let (near, far) = (E::plus(simd, x[1], x[2]), E::plus(simd, x[3], x[4]));
        let near_odd = scaled::<S, E>(simd, FRAC_1_SQRT_2, E::minus(simd, x[1], x[2]));
        let far_odd = E::minus(simd, x[3], x[4]);
        [
            E::plus(simd, x[0], E::plus(simd, near, far)),
            add(SQRT_2, far_odd, near_odd),
            add(0.5, near, scaled::<S, E>(simd, 2.0, far)),
            add(2.0 * SQRT_2, far_odd, add(0.5, near_odd, x[5])),
        ]
    }
}

impl Line<2, 4> for Gradient {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, [a, b]: [E::Lanes<S>; 2]) -> [E::Lanes<S>; 4] {
        [a, E::plus(simd, a, b), E::minus(simd, a, b), b]
    }
}

impl Line<4, 6> for Gradient {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, [a, b, c, d]: [E::Lanes<S>; 4]) -> [E::Lanes<S>; 6] {
        let part = |f| [axpy::<S, E>(simd, f, c, a), axpy::<S, E>(simd, f, d, b)];
        let [e, f] = both::<S, E>(simd, FRAC_1_SQRT_2, part(0.5));
        let [g, h] = both::<S, E>(simd, SQRT_2, part(2.0));
        [a, e, f, g, h, d]
    }
}

impl Line<4, 3> for KernelGradient {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, [a, b, c, d]: [E::Lanes<S>; 4]) -> [E::Lanes<S>; 3] {
        let half = |x| scaled::<S, E>(simd, 0.5, x);
        let (even, odd) = (half(E::plus(simd, b, c)), half(E::minus(simd, b, c)));
        [E::plus(simd, a, even), odd, E::plus(simd, d, even)]
    }
}

impl Line<6, 3> for KernelGradient {
    #[inline(always)]
    fn of<S: Simd, E: Real>(simd: S, x: [E::Lanes<S>; 6]) -> [E::Lanes<S>; 3] {
        let add = |a, x, y| axpy::<S, E>(simd, a, x, y);
        let (near, far) = (E::plus(simd, x[1], x[2]), E::plus(simd, x[3], x[4]));
        let (near_odd, far_odd) = (E::minus(simd, x[1], x[2]), E::minus(simd, x[3], x[4]));
        [
            add(-2.0 / 3.0, near, add(1.0 / 6.0, far, x[0])),
            add(
                SQRT_2 / 6.0,
                far_odd,
                scaled::<S, E>(simd, -FRAC_1_SQRT_2 / 1.5, near_odd),
            ),
            add(-1.0 / 3.0, near, add(1.0 / 3.0, far, x[5])),
        ]
    }
}
