//! What the operations of layers share, and [`Layers`], which is all of them.
//!
//! Shapes are dynamic here: the layers check them in their types, and hand on tensors whose sizes
//! are erased. A tensor keeps its id, and so its gradient, when its shape is erased or restored.
//!
//! | | |
//! |---|---|
//! | `window` | [`Window`]: what slides over an image |
//! | `checks` | for tests: an operation against loops and finite differences, on every device |

#[cfg(test)]
pub(super) mod checks;
mod window;

use dfdx::{
    prelude::Device,
    shapes::Dtype,
    tensor::{Merge, NoneTape, Storage, Tape, Tensor},
};

use super::{
    TryAddScaled, TryBatchNorm, TryBias, TryConv2D, TryConv2DBatchNorm, TryCrossEntropy, TryLinear,
    TryPool2D, TrySubsample,
};
pub use window::Window;

/// Images: (batch, channels, height, width). Also a convolution's weight: (out channels, in channels
/// of a group, kernel height, kernel width).
pub type Image<E, D, T = NoneTape> = Tensor<(usize, usize, usize, usize), E, D, T>;

/// Vectors side by side: (batch, features). Also a linear layer's weight: (out, in).
pub type Rows<E, D, T = NoneTape> = Tensor<(usize, usize), E, D, T>;

/// One number for each channel, or for each feature.
pub type Channels<E, D> = Tensor<(usize,), E, D>;

/// A tape that the operations here can write on: dfdx's `NoneTape` and `OwnedTape`.
pub trait LayerTape<E: Dtype, D: Storage<E>>: Tape<E, D> + Merge<Self> + 'static {}

impl<E: Dtype, D: Storage<E>, T: Tape<E, D> + Merge<T> + 'static> LayerTape<E, D> for T {}

/// What the device says to a wrong number of elements.
pub(crate) fn misfit<E: Dtype, D: Device<E>>(device: &D) -> D::Err {
    match device.try_tensor_from_vec(Vec::<E>::new(), (1_usize,)) {
        Err(error) => error,
        Ok(_) => unreachable!("a tensor of one element can't be made from none"),
    }
}

/// What the layers ask of a device: every operation that they are made of.
///
/// Each function takes a tensor with its tape and gives one with the tape on which the way back was
/// written. Parameters come without a tape; their gradients are kept under their ids, and added to.
/// In a shape, the first dimension is the batch and the second the channels; what follows are
/// positions.
///
/// # Errors
/// The device's own. Sizes that do not fit together, which only dynamic dimensions can have, are the
/// error that the device has for a wrong number of elements.
pub trait Layers<E: Dtype>:
    Device<E>
    + TryConv2D<E>
    + TryBatchNorm<E>
    + TryConv2DBatchNorm<E>
    + TryBias<E>
    + TryPool2D<E>
    + TrySubsample<E>
    + TryAddScaled<E>
    + TryLinear<E>
    + TryCrossEntropy<E>
{
}

impl<E: Dtype, D> Layers<E> for D where
    D: Device<E>
        + TryConv2D<E>
        + TryBatchNorm<E>
        + TryConv2DBatchNorm<E>
        + TryBias<E>
        + TryPool2D<E>
        + TrySubsample<E>
        + TryAddScaled<E>
        + TryLinear<E>
        + TryCrossEntropy<E>
{
}
