//! The shortcut without parameters.

use dfdx::{prelude::Device, shapes::Dtype};

use super::{conv2d, wrong_sizes};
use crate::device::{Image, LayerTape, Window};

/// A convolution of 1 x 1 whose kernels are the rows of the identity, and zeros.
pub(in crate::device) fn subsample<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    stride: usize,
    outputs: usize,
    before: usize,
) -> Result<Image<E, D, T>, D::Err> {
    let channels = dfdx::shapes::HasShape::shape(&x).1;
    let room = channels
        .checked_add(before)
        .is_some_and(|kept| kept <= outputs);
    if !room || stride == 0 {
        return Err(wrong_sizes(x.device()));
    }
    let mut kernels = vec![E::default(); outputs * channels];
    for channel in 0..channels {
        kernels[(before + channel) * channels + channel] = E::ONE;
    }
    let shape = (outputs, channels, 1, 1);
    let weight = x.device().try_tensor_from_vec(kernels, shape)?;
    let window = Window {
        stride,
        ..Window::new(1)
    };
    conv2d(x, &weight, window, 1)
}
