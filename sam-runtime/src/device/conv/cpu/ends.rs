//! What a convolution reads, and where the gradient of that goes.
#![allow(unsafe_code)]

use std::{mem::MaybeUninit, ops::Range};

use crate::device::{
    batch_norm::cpu::{Lines, PlaneMoments},
    cpu::{
        buffer::{Aligned, as_uninit},
        simd::Real,
    },
};

/// Memory for elements that are computed.
pub(super) type Memory<E> = Option<Aligned<E>>;

/// What is convolved.
#[derive(Clone, Copy)]
pub(in crate::device) enum Input<'a, E> {
    /// These elements.
    Given(&'a [E]),
    /// What normalization and ReLU make of these, which lie by pixels: computed sample by sample, where it is needed.
    Normalized(&'a [E], &'a Lines<E>),
}

impl<'a, E: Real> Input<'a, E> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Given(x) | Self::Normalized(x, _) => x.len(),
        }
    }

    /// The elements, where nothing is computed.
    pub(super) fn given(&self) -> &'a [E] {
        match self {
            Self::Given(x) => x,
            Self::Normalized(..) => unreachable!("results lie by pixels then"),
        }
    }

    /// Elements of whole samples; in `memory`, if they are computed.
    #[inline(always)]
    pub(super) fn part<'b>(&self, start: usize, len: usize, memory: &'b mut Memory<E>) -> &'b [E]
    where
        'a: 'b,
    {
        match self {
            Self::Given(x) => &x[start..][..len],
            Self::Normalized(z, lines) => {
                let memory = memory.get_or_insert_with(|| Aligned::any(len));
                lines.write(&z[start..][..len], &mut memory[..len]);
                &memory[..len]
            }
        }
    }
}

/// What is done with the gradient of a sample of the input, while it is at hand: given the sample's number, it may add to the
/// gradient, and it writes the sums of each channel that the normalization before the input needs.
pub(in crate::device) type Finish<'a, E> =
    dyn Fn(usize, &mut [E], &mut [PlaneMoments<E>]) + Sync + 'a;

/// Where the gradient of the input goes.
pub(in crate::device) enum Target<'a, E> {
    /// It is added to this.
    Added(&'a mut [E]),
    /// It is written here, and finished, sample by sample.
    Written(
        &'a mut [MaybeUninit<E>],
        &'a mut [PlaneMoments<E>],
        &'a Finish<'a, E>,
    ),
}

impl<'a, E: Real> Target<'a, E> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Added(d_x) => d_x.len(),
            Self::Written(d_x, ..) => d_x.len(),
        }
    }

    /// The parts of so many samples, which have so many elements and channels.
    pub(super) fn parts(self, samples: usize, [len, channels]: [usize; 2]) -> Vec<Self> {
        match self {
            Self::Added(d_x) => d_x.chunks_mut(samples * len).map(Self::Added).collect(),
            Self::Written(d_x, sums, finish) => d_x
                .chunks_mut(samples * len)
                .zip(sums.chunks_mut(samples * channels))
                .map(|(d_x, sums)| Self::Written(d_x, sums, finish))
                .collect(),
        }
    }

    /// The elements where it goes, and whether it is added to them.
    pub(super) fn elements(&mut self) -> (&mut [MaybeUninit<E>], bool) {
        match self {
            Self::Added(d_x) => {
                // SAFETY: sums of elements are elements.
                (unsafe { as_uninit(d_x) }, true)
            }
            Self::Written(d_x, ..) => (d_x, false),
        }
    }

    /// Finishes some samples, if that is to be done; the target begins with sample `first`.
    ///
    /// # Safety
    /// The gradients of these samples, of so many elements and channels each, were written.
    pub(super) unsafe fn finish(
        &mut self,
        first: usize,
        samples: Range<usize>,
        [len, channels]: [usize; 2],
    ) {
        if let Self::Written(d_x, sums, finish) = self {
            for n in samples {
                // SAFETY: the caller's.
                let gradient = unsafe { d_x[n * len..][..len].assume_init_mut() };
                finish(first + n, gradient, &mut sums[n * channels..][..channels]);
            }
        }
    }
}
