//! Random tensors, in order and otherwise.

use dfdx::{
    prelude::Device,
    shapes::{Axes4, Axis, Dtype, Shape},
    tensor::Tensor,
    tensor_ops::{BroadcastTo, PermuteTo},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::Four;

/// Normally distributed numbers, the same in every run.
pub(in crate::device) struct Numbers(ChaCha8Rng);

impl Numbers {
    pub(in crate::device) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(in crate::device) fn list(&mut self, count: usize) -> Vec<f64> {
        let normal = StandardNormal.sample_iter(&mut self.0);
        normal.take(count).collect()
    }

    pub(in crate::device) fn tensor<S: Shape, E: Dtype, D: Device<E>>(
        &mut self,
        dev: &D,
        shape: S,
    ) -> Tensor<S, E, D> {
        tensor(dev, shape, &self.list(shape.num_elements()))
    }

    /// Numbers from 0.5 up, as variances are.
    pub(in crate::device) fn positive<S: Shape, E: Dtype, D: Device<E>>(
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
pub(in crate::device) fn tensor<S: Shape, E: Dtype, D: Device<E>>(
    dev: &D,
    shape: S,
    values: &[f64],
) -> Tensor<S, E, D> {
    let values: Vec<E> = values.iter().map(|&v| E::from_f64(v).unwrap()).collect();
    dev.tensor_from_vec(values, shape)
}

/// What the tensor holds, in the order of its indices.
pub(in crate::device) fn values<S: Shape, E: Dtype, D: Device<E>, T>(
    x: &Tensor<S, E, D, T>,
) -> Vec<f64> {
    x.as_vec().iter().map(|v| v.to_f64().unwrap()).collect()
}

/// Images whose numbers do not lie in the order of their indices, among them some that lie pixel by pixel, and one image
/// twice; each with how many times it stands for the same memory.
pub(in crate::device) fn strided_images<E: Dtype, D: Device<E>>(
    numbers: &mut Numbers,
    dev: &D,
) -> [(&'static str, Tensor<Four, E, D>, usize); 3] {
    let turned = numbers
        .tensor(dev, (2, 5, 4, 3))
        .permute::<_, Axes4<0, 3, 2, 1>>();
    let one: Tensor<(usize, usize, usize), E, D> = numbers.tensor(dev, (3, 4, 5));
    let same = one.broadcast_like::<_, Axis<0>>(&(2, 3, 4, 5));
    let pixels = by_pixels(numbers.tensor(dev, (2, 3, 5, 16)));
    [
        ("turned", turned, 1),
        ("same", same, 2),
        ("pixels", pixels, 1),
    ]
}

/// Images that lie pixel by pixel, given as (batch, height, width, channels).
pub(in crate::device) fn by_pixels<E: Dtype, D: Device<E>>(
    x: Tensor<Four, E, D>,
) -> Tensor<Four, E, D> {
    x.permute::<_, Axes4<0, 3, 1, 2>>()
}
