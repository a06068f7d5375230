//! The layers' operations as compositions of dfdx's own tensor operations, whose tape gives the
//! gradients: for any device that dfdx computes on. The second computation that the kernels are compared
//! with. Each function keeps the contract of the function of its name in
//! [`Layers`](super::Layers).

mod conv;
mod grid;
mod linear;
mod norm;
mod pool;
mod subsample;
mod tests;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
    tensor_ops::TryAdd,
};

pub(super) use conv::conv2d;
pub(super) use linear::linear;
pub(super) use norm::{batch_norm, bias, normalize};
pub(super) use pool::{global_avg_pool, pool2d};
pub(super) use subsample::subsample;

use super::{LayerTape, Tail};

/// The error that the device has for a wrong number of elements.
fn wrong_sizes<E: Dtype, D: Device<E>>(dev: &D) -> D::Err {
    match dev.try_tensor_from_vec(Vec::<usize>::new(), (1,)) {
        Err(error) => error,
        Ok(_) => unreachable!("a device made one number out of none"),
    }
}

/// `number` in the tensor's type.
fn scalar<E: Dtype>(number: f64) -> E {
    E::from_f64(number).expect("a layer's numbers are of a floating-point type")
}

/// Does what `tail` says with `y`.
fn finish<S: Shape, E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    mut y: Tensor<S, E, D, T>,
    tail: Tail<Tensor<S, E, D, T>>,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    if let Some(residual) = tail.residual {
        y = y.try_add(residual)?;
    }
    if tail.relu { y.try_relu() } else { Ok(y) }
}
