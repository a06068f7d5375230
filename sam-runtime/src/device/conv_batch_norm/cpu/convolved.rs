//! A convolution within an operation of several.
#![allow(unsafe_code)]

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use crate::{
    device::{
        Image,
        batch_norm::cpu::{Cut, Incoming, Lines, PlaneMoments, of_channels},
        conv::cpu::{Conv, Finish, Input, OutputGradient, Target, backward},
        cpu::{
            buffer::written,
            simd::{Real, vectorized},
        },
    },
    doors::host_memory::view,
};

/// A convolution, as it was computed.
pub(super) struct Convolved<E: Real> {
    pub(super) conv: Conv,
    pub(super) weight: Image<E, Cpu>,
}

impl<E: Real> Convolved<E>
where
    Cpu: Device<E>,
{
    /// The gradient of the input `x`, finished sample by sample, and the sums that this makes, by channels; adds
    /// that of the weight to `gradients`.
    #[allow(clippy::type_complexity)]
    pub(super) fn input_gradient(
        &self,
        x: Input<'_, E>,
        rows: &dyn OutputGradient<E>,
        gradients: &mut Gradients<E, Cpu>,
        finish: &Finish<'_, E>,
    ) -> Result<(Vec<E>, Vec<[f64; 2]>), CpuError> {
        let dims = self.conv.input();
        let mut planes: Vec<PlaneMoments<E>> = vec![[E::default(); 2]; dims.batch * dims.channels];
        let mut d_weight = take(E::host(gradients.get_or_alloc_mut(&self.weight)?));
        // SAFETY: the gradients of all samples, of which there are some, are written.
        let d_x = unsafe {
            written(dims.len(), |d_x| {
                let len = d_x.len();
                let target = Some(Target::Written(d_x, &mut planes, finish));
                let weight = view(&self.weight);
                backward(&self.conv, x, &weight, rows, &mut d_weight, target);
                len
            })
        };
        *E::host(gradients.get_or_alloc_mut(&self.weight)?) = d_weight;
        Ok((d_x, of_channels(dims, &planes)))
    }
}

/// The sums that a normalization of `x` and the ReLU behind it, which are `lines`, need of a sample's gradient.
pub(super) fn sums_of<'a, E: Real>(
    lines: &'a Lines<E>,
    x: &'a [E],
) -> impl Fn(usize, &mut [E], &mut [PlaneMoments<E>]) + Sync + 'a {
    move |n, gradient, sums| {
        let x = &x[n * gradient.len()..][..gradient.len()];
        let incoming = Incoming {
            gradient,
            // The lines know where ReLU cut off.
            cut: Cut::Nowhere,
        };
        vectorized(
            #[inline(always)]
            || lines.sums(incoming, x, &mut *sums),
        );
    }
}
