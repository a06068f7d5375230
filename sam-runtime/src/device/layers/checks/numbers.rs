//! Random tensors, and how close numbers must be.

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Normally distributed numbers, the same in every run.
pub(super) struct Numbers(ChaCha8Rng);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(super) fn list(&mut self, count: usize) -> Vec<f64> {
        let normal = StandardNormal.sample_iter(&mut self.0);
        normal.take(count).collect()
    }

    pub(super) fn tensor<S: Shape, E: Dtype, D: Device<E>>(
        &mut self,
        dev: &D,
        shape: S,
    ) -> Tensor<S, E, D> {
        tensor(dev, shape, &self.list(shape.num_elements()))
    }

    /// Numbers from 0.5 up, as variances are.
    pub(super) fn positive<S: Shape, E: Dtype, D: Device<E>>(
        &mut self,
        dev: &D,
        shape: S,
    ) -> Tensor<S, E, D> {
        let list = self.list(shape.num_elements());
        let list: Vec<f64> = list.into_iter().map(|v| v.abs() + 0.5).collect();
        tensor(dev, shape, &list)
    }
}

/// `values` in the tensor's type.
pub(super) fn tensor<S: Shape, E: Dtype, D: Device<E>>(
    dev: &D,
    shape: S,
    values: &[f64],
) -> Tensor<S, E, D> {
    let values: Vec<E> = values.iter().map(|&v| E::from_f64(v).unwrap()).collect();
    dev.tensor_from_vec(values, shape)
}

/// What the tensor holds, in the order of its indices.
pub(super) fn values<S: Shape, E: Dtype, D: Device<E>, T>(x: &Tensor<S, E, D, T>) -> Vec<f64> {
    x.as_vec().iter().map(|v| v.to_f64().unwrap()).collect()
}

/// How far a result may be off, as a part of the largest one.
pub(super) fn of_result<E>() -> f64 {
    if size_of::<E>() == 8 { 1e-12 } else { 5e-6 }
}

/// How far a gradient may be off: in `f64`, what finite differences are worth.
pub(super) fn of_gradient<E>() -> f64 {
    if size_of::<E>() == 8 { 1e-7 } else { 2e-5 }
}

/// Panics, with the place, unless `got` is `want` up to `tolerance` of the largest number.
pub(super) fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: how many");
    let largest = want.iter().fold(1.0, |l: f64, w| l.max(w.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let off = (g - w).abs();
        assert!(
            off <= tolerance * largest,
            "{what}: number {i} is {g}, not {w}"
        );
    }
}
