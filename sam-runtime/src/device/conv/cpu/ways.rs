//! Which way a convolution is computed.
//!
//! The rule is what `conv-speed` of the benches measured, on a Xeon with AVX-512, batches of 128: with 16 channels and
//! more on both sides, Winograd's ways are faster forwards and back, and F(4 x 4) is the faster one; only the gradients of
//! images whose tiles of 2 x 2 have no more points in all than those of 4 x 4 (5 and 6 places a side) are faster by
//! F(2 x 2). `benches/README.md` has the table.

use std::{any::TypeId, cell::Cell};

use pulp::{Arch, Simd, WithSimd};

use super::geometry::Conv;
use crate::device::cpu::simd::Real;

/// A way to compute a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// By its definition.
    #[default]
    Direct,
    /// Winograd's F(2 x 2, 3 x 3).
    F2,
    /// Winograd's F(4 x 4, 3 x 3).
    F4,
}

/// The ways of a convolution, and of its gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Of the convolution.
    pub forward: Way,
    /// Of its gradients.
    pub backward: Way,
}

thread_local! {
    static WANTED: Cell<Option<Ways>> = const { Cell::new(None) };
}

/// Has convolutions in `f` computed these ways, where they can be.
pub fn with_ways<R>(ways: Ways, f: impl FnOnce() -> R) -> R {
    let before = WANTED.replace(Some(ways));
    let result = f();
    WANTED.set(before);
    result
}

/// Channels from which on Winograd's ways are faster: of those measured, 16 and more; 1 and 3 are not.
const CHANNELS: usize = 16;

/// The ways of a convolution. They depend on one sample's sizes alone: the bits of its result do not depend on the batch
/// that it is in.
pub(super) fn of<E: Real>(conv: &Conv) -> Ways {
    if !winograd_fits::<E>(conv) {
        return Ways::default();
    }
    if let Some(wanted) = WANTED.get() {
        return wanted;
    }
    if conv.inputs.min(conv.outputs) < CHANNELS {
        return Ways::default();
    }
    let [high, wide] = conv.places;
    let points = |side: usize| high.div_ceil(side) * wide.div_ceil(side) * (side + 2).pow(2);
    Ways {
        forward: Way::F4,
        backward: if points(2) <= points(4) {
            Way::F2
        } else {
            Way::F4
        },
    }
}

/// Whether Winograd's ways can be taken.
fn winograd_fits<E: Real>(conv: &Conv) -> bool {
    let window = conv.window;
    (window.size, window.stride, window.dilation) == (3, 1, 1)
        && window.padding <= 2
        && conv.groups == 1
        && conv.inputs > 0
        && conv.outputs > 0
        && conv.image[0] > 0
        && conv.image[1].min(conv.places[1]) >= 4
        && TypeId::of::<E>() == TypeId::of::<f32>()
        && Arch::new().dispatch(Lanes) >= 8
}

/// Lanes of a vector of `f32`.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        f32::lanes::<S>()
    }
}
