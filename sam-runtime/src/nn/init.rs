//! Where weights begin, for elements of any type.

use std::marker::PhantomData;

use dfdx::prelude::*;
use rand::{Rng, distributions::Distribution};
use rand_distr::StandardNormal;

/// Uniform between `-bound` and `bound`.
struct Uniform(f64);

impl<E: Dtype> Distribution<E> for Uniform {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E {
        E::from_f64(rng.gen_range(-self.0..=self.0)).unwrap_or_default()
    }
}

/// Normal with mean 0 and this deviation.
struct Normal<E>(f64, PhantomData<E>);

impl<E: Dtype> Distribution<E> for Normal<E> {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E {
        let x: f64 = StandardNormal.sample(rng);
        E::from_f64(x * self.0).unwrap_or_default()
    }
}

/// Uniform in `±1 / sqrt(fan_in)`: what PyTorch and dfdx begin linear and convolutional layers with. Without
/// inputs, zero.
pub(super) fn uniform<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    fan_in: usize,
) -> Result<(), D::Err> {
    let bound = match fan_in {
        0 => 0.0,
        fan_in => 1.0 / (fan_in as f64).sqrt(),
    };
    t.try_fill_with_distr(Uniform(bound))
}

/// Normal with variance `2 / fan` (He et al. 2015, [eq. 10](https://arxiv.org/abs/1502.01852)), for
/// layers that ReLU follows.
pub(super) fn he<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    fan: usize,
) -> Result<(), D::Err> {
    t.try_fill_with_distr(Normal((2.0 / fan as f64).sqrt(), PhantomData))
}
