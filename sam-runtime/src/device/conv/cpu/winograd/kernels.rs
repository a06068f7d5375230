//! Kernels, transformed once a pass, and their gradient back.
#![allow(unsafe_code)]

use pulp::{Arch, Simd, WithSimd};

use super::{
    images::vectors,
    lines::{Filtering, Line, Winograd},
    products::Kernels,
};
use crate::device::cpu::{buffer::Aligned, simd::Real};

/// Elements of a kernel.
const AREA: usize = 9;

/// The transformed kernels of `weight`, (outputs, inputs, 3, 3); or, `turned`, those that take the output's gradient to
/// the input's.
pub(super) fn transformed<E: Real, const SIDE: usize, const POINTS: usize>(
    weight: &[E],
    [outputs, inputs]: [usize; 2],
    turned: bool,
) -> Kernels<E>
where
    Winograd: Filtering<SIDE, POINTS>,
{
    assert_eq!(weight.len(), outputs * inputs * AREA);
    Arch::new().dispatch(Transform::<E, SIDE, POINTS> {
        weight,
        sizes: [outputs, inputs],
        turned,
    })
}

struct Transform<'a, E, const SIDE: usize, const POINTS: usize> {
    weight: &'a [E],
    sizes: [usize; 2],
    turned: bool,
}

impl<E: Real, const SIDE: usize, const POINTS: usize> WithSimd for Transform<'_, E, SIDE, POINTS>
where
    Winograd: Filtering<SIDE, POINTS>,
{
    type Output = Kernels<E>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Kernels<E> {
        if S::IS_SCALAR {
            unreachable!("ways are chosen by the vectors that there are");
        }
        let lanes = E::lanes::<S>();
        let [outputs, inputs] = self.sizes;
        // The channels that are summed over, and those of the vectors.
        let (inner, outer) = match self.turned {
            false => (inputs, outputs),
            true => (outputs, inputs),
        };
        let row = outer.next_multiple_of(lanes);
        let mut kernels = Kernels {
            elements: Aligned::zeros(POINTS * POINTS * inner * row),
            inputs: inner,
            row,
        };
        let position = kernels.point();
        for i in 0..inner {
            for first in (0..outer).step_by(lanes) {
                // Column by column.
                let mut taps = [[E::splat(simd, E::default()); 3]; 3];
                let taps_start = taps.as_mut_ptr().cast::<E>();
                for lane in 0..lanes.min(outer - first) {
                    let o = first + lane;
                    let kernel = match self.turned {
                        false => o * inputs + i,
                        true => i * inputs + o,
                    };
                    let kernel = &self.weight[kernel * AREA..][..AREA];
                    for (tap, &x) in kernel.iter().enumerate() {
                        let tap = if self.turned { AREA - 1 - tap } else { tap };
                        let tap = tap % 3 * 3 + tap / 3;
                        // SAFETY: the lane is one of the vector's.
                        unsafe { *taps_start.add(tap * lanes + lane) = x };
                    }
                }
                let sums = square::<S, E, <Winograd as Filtering<SIDE, POINTS>>::Kernel, 3, POINTS>(
                    simd, taps,
                );
                for (v, sums) in sums.iter().enumerate() {
                    for (u, &sum) in sums.iter().enumerate() {
                        let at = (v * POINTS + u) * position + i * row + first;
                        let to = &mut kernels.elements[at..][..lanes];
                        // SAFETY: it is a vector of elements.
                        unsafe { E::store(to.as_mut_ptr(), sum) };
                    }
                }
            }
        }
        kernels
    }
}

/// A line's transform down and across.
#[inline(always)]
fn square<S: Simd, E: Real, L: Line<FROM, TO>, const FROM: usize, const TO: usize>(
    simd: S,
    columns: [[E::Lanes<S>; FROM]; FROM],
) -> [[E::Lanes<S>; TO]; TO] {
    let zero = E::splat(simd, E::default());
    let (mut down, mut sums) = ([[zero; FROM]; TO], [[zero; TO]; TO]);
    for (u, &column) in columns.iter().enumerate() {
        for (down, &x) in down.iter_mut().zip(&L::of::<S, E>(simd, column)) {
            down[u] = x;
        }
    }
    for (sums, &row) in sums.iter_mut().zip(&down) {
        *sums = L::of::<S, E>(simd, row);
    }
    sums
}

/// Adds the gradient of the weight, given that of the transformed kernels.
#[inline(always)]
pub(super) fn add_gradient<S: Simd, E: Real, const SIDE: usize, const POINTS: usize>(
    simd: S,
    gradient: &Kernels<E>,
    [outputs, inputs]: [usize; 2],
    d_weight: &mut [E],
) where
    Winograd: Filtering<SIDE, POINTS>,
{
    let lanes = E::lanes::<S>();
    let position = gradient.point();
    assert!(inputs <= gradient.inputs && outputs <= gradient.row);
    assert!(POINTS * POINTS * position <= gradient.elements.len());
    for input in 0..inputs {
        for first in (0..outputs).step_by(lanes) {
            let at = input * gradient.row + first;
            let mut columns = [[E::splat(simd, E::default()); POINTS]; POINTS];
            for (u, column) in columns.iter_mut().enumerate() {
                let at = gradient.elements[u * position + at..].as_ptr();
                // SAFETY: there are vectors of all positions.
                *column = unsafe { vectors::<S, E, POINTS>(simd, at, POINTS * position) };
            }
            let taps =
                square::<S, E, <Winograd as Filtering<SIDE, POINTS>>::KernelGradient, POINTS, 3>(
                    simd, columns,
                );
            let taps = taps.as_ptr().cast::<E>();
            for lane in 0..lanes.min(outputs - first) {
                let kernel = (first + lane) * inputs + input;
                let to = d_weight[kernel * AREA..][..AREA].iter_mut();
                for (tap, to) in to.enumerate() {
                    // SAFETY: it was just written.
                    *to += unsafe { *taps.add(tap * lanes + lane) };
                }
            }
        }
    }
}
