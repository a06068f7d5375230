//! The sum with a branch that is multiplied on host memory.
#![allow(unsafe_code)]

use std::mem::{MaybeUninit, take};

use dfdx::{prelude::*, tensor::CpuError};

use super::{Factors, TryAddScaled};
use crate::{
    device::{
        Image, LayerTape,
        cpu::{
            arguments::fits,
            buffer::written,
            dims::Dims,
            once::compiled_once,
            order::{Order, elements_of, in_an_order, in_order, tensor},
            simd::{Real, vectorized},
            tasks::{counted, each_of},
        },
    },
    doors::host_memory::view,
};

compiled_once! {
    /// The sum, and the gradient of one of its terms.
    trait AddScaledKernels: Real {
        fn sums(dims: Dims, to: &[Self], x: &[Self], factors: &[Self]) -> Vec<Self> = sums;
        fn add_back(dims: Dims, d: &[Self], factors: &[Self], sum: &mut [Self]) = add;
    }
}

impl<E: AddScaledKernels> TryAddScaled<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_add_scaled<T: LayerTape<E, Self>>(
        to: Image<E, Self, T>,
        x: Image<E, Self, T>,
        factors: &Factors<E, Self>,
    ) -> Result<Image<E, Self, T>, CpuError> {
        let (batch, channels, height, width) = *x.shape();
        fits(to.shape() == x.shape())?;
        fits(factors.forward.shape().0 == batch && factors.backward.shape().0 == batch)?;
        let ((to, its), (x, order)) = (in_an_order(to)?, in_an_order(x)?);
        let order = if its == Order::Pixels { its } else { order };
        let dims = Dims {
            batch,
            channels,
            positions: height * width,
            order,
        };
        let (to, tape) = in_order(to, order)?.split_tape();
        let (x, its_tape) = in_order(x, order)?.split_tape();
        let mut tape = tape.merge(its_tape);
        let (summand, branch) = (elements_of(&to, order), elements_of(&x, order));
        let y = E::sums(dims, &summand, &branch, &view(&factors.forward));
        let y = tensor(x.device(), y, *x.shape(), order)?;
        drop((summand, branch));
        if T::OWNS_TAPE {
            let (to, x, y) = (to.ghost(), x.ghost(), y.ghost());
            let factors = factors.backward.as_vec();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let ones = vec![E::ONE; dims.batch];
                E::add_back(dims, &d_y, &ones, E::host(gradients.get_or_alloc_mut(&to)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                E::add_back(dims, &d_y, &factors, d_x);
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// `to + factor x`, for each sample.
fn sums<E: Real>(dims: Dims, to: &[E], x: &[E], factors: &[E]) -> Vec<E> {
    assert!(to.len() == dims.len() && x.len() == dims.len() && factors.len() == dims.batch);
    let sample = dims.sample();
    // SAFETY: each sample's task writes all of its elements.
    unsafe {
        written(x.len(), |y| {
            let samples = y.chunks_mut(sample).enumerate();
            let write = |(n, y): (usize, &mut [MaybeUninit<E>])| {
                let (factor, start) = (factors[n], n * sample);
                let (x, to) = (&x[start..][..y.len()], &to[start..][..y.len()]);
                vectorized(
                    #[inline(always)]
                    || {
                        for ((y, &x), &to) in y.iter_mut().zip(x).zip(to) {
                            y.write(to + factor * x);
                        }
                    },
                );
                y.len()
            };
            counted(samples, write)
        })
    }
}

/// Adds `factor d` to the gradient `sum`, for each sample.
fn add<E: Real>(dims: Dims, d: &[E], factors: &[E], sum: &mut [E]) {
    let sample = dims.sample();
    let samples = sum.chunks_mut(sample).zip(d.chunks(sample));
    each_of(samples.zip(factors), |((sum, d), factor)| {
        vectorized(
            #[inline(always)]
            || {
                for (sum, &d) in sum.iter_mut().zip(d) {
                    *sum += *factor * d;
                }
            },
        );
    });
}
