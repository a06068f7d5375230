//! ReLU, on the way with another operation.

use super::simd::{Real, vectorized};

/// What nothing is below: 0 after ReLU.
pub(in crate::device) fn floor<E: Real>(relu: bool) -> E {
    if relu {
        E::default()
    } else {
        E::narrow(f64::NEG_INFINITY)
    }
}

/// The larger of two; `x` if it is NaN.
#[inline(always)]
pub(in crate::device) fn larger<E: Real>(bound: E, x: E) -> E {
    if x < bound { bound } else { x }
}

/// What of a gradient ReLU lets pass, if its output is `y`.
#[inline(always)]
pub(in crate::device) fn pass<E: Real>(g: E, y: E) -> E {
    if y <= E::default() { E::default() } else { g }
}

/// What comes back to where ReLU made the output `y`.
pub(in crate::device) fn masked<E: Real>(gradient: &[E], y: &[E]) -> Vec<E> {
    vectorized(
        #[inline(always)]
        || gradient.iter().zip(y).map(|(&g, &y)| pass(g, y)).collect(),
    )
}
