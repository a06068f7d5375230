//! Where weights begin, for elements of any type: what [`layer!`](crate::nn::layer) takes for a parameter.
//!
//! ```
//! use sam_runtime::{dfdx::prelude::*, nn::init};
//!
//! let dev = Cpu::seed_from_u64(0);
//! let mut weight: Tensor<Rank2<20, 30>, f32, _> = dev.zeros();
//! init::uniform(&mut weight, 30)?;
//! assert!(weight.as_vec().iter().all(|w| w.abs() <= 30_f32.sqrt().recip()));
//! # Ok::<(), dfdx::tensor::CpuError>(())
//! ```

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

/// Always this number.
struct Constant(f64);

impl<E: Dtype> Distribution<E> for Constant {
    fn sample<R: Rng + ?Sized>(&self, _: &mut R) -> E {
        E::from_f64(self.0).unwrap_or_default()
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

/// The same number everywhere, such as 1 for what is a factor; dfdx's `try_fill_with_zeros` is there for zeros.
///
/// # Errors
/// The device's.
pub fn constant<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    value: f64,
) -> Result<(), D::Err> {
    t.try_fill_with_distr(Constant(value))
}

/// Uniform in `±1 / sqrt(fan_in)`: what PyTorch and dfdx begin linear and convolutional layers with. Without
/// inputs, zero.
///
/// # Errors
/// The device's.
pub fn uniform<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    fan_in: usize,
) -> Result<(), D::Err> {
    let bound = match fan_in {
        0 => 0.0,
        fan_in => 1.0 / (fan_in as f64).sqrt(),
    };
    t.try_fill_with_distr(Uniform(bound))
}

/// Uniform in `±sqrt(6 / (fan_in + fan_out))` (Glorot & Bengio 2010), as PyTorch begins attention with. Without inputs
/// and outputs, zero.
///
/// # Errors
/// The device's.
pub fn xavier<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    fan_in: usize,
    fan_out: usize,
) -> Result<(), D::Err> {
    let bound = match fan_in + fan_out {
        0 => 0.0,
        fans => (6.0 / fans as f64).sqrt(),
    };
    t.try_fill_with_distr(Uniform(bound))
}

/// Normal with mean 0 and this deviation; 1 is what PyTorch begins embeddings with.
///
/// # Errors
/// The device's.
pub fn normal<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    deviation: f64,
) -> Result<(), D::Err> {
    t.try_fill_with_distr(Normal(deviation, PhantomData))
}

/// Normal with variance `2 / fan` (He et al. 2015, [eq. 10](https://arxiv.org/abs/1502.01852)), for
/// layers that ReLU follows.
///
/// # Errors
/// The device's.
pub fn he<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    fan: usize,
) -> Result<(), D::Err> {
    normal(t, (2.0 / fan as f64).sqrt())
}
