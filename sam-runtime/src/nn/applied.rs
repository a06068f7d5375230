//! The operations as layers apply them in evaluation: each is noted for a [`summary`](super::summary).

use dfdx::prelude::*;

use super::summary::note;
use crate::device::{Channels, Image, LayerTape, Layers, Pool, Rows, Window};

pub(super) fn conv2d<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    weight: &Image<E, D>,
    window: Window,
    groups: usize,
) -> Result<Image<E, D, T>, D::Err> {
    let y = D::try_conv2d(x, weight, window, groups)?;
    // Each number of the weight is multiplied once at each place of an image.
    let (batch, _, height, width) = *y.shape();
    let multiplications = (weight.shape().num_elements() * batch * height * width) as u64;
    note("Conv2D", Some(weight), multiplications, &y);
    Ok(y)
}

pub(super) fn linear<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Rows<E, D, T>,
    weight: &Rows<E, D>,
    bias: &Channels<E, D>,
    relu: bool,
) -> Result<Rows<E, D, T>, D::Err> {
    let y = D::try_linear(x, weight, Some(bias), relu)?;
    let multiplications = (weight.shape().num_elements() * y.shape().0) as u64;
    note("Linear", Some(weight), multiplications, &y);
    Ok(y)
}

pub(super) fn bias<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    bias: &Channels<E, D>,
    relu: bool,
) -> Result<Image<E, D, T>, D::Err> {
    let y = D::try_bias(x, bias, relu)?;
    note("Bias2D", Some(bias), 0, &y);
    Ok(y)
}

pub(super) fn pool2d<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    pool: Pool,
    window: Window,
) -> Result<Image<E, D, T>, D::Err> {
    let y = D::try_pool2d(x, pool, window)?;
    let layer = match pool {
        Pool::Max => "MaxPool2D",
        Pool::Avg => "AvgPool2D",
    };
    without_tensors(layer, &y);
    Ok(y)
}

pub(super) fn global_avg_pool<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
) -> Result<Rows<E, D, T>, D::Err> {
    let y = D::try_global_avg_pool(x)?;
    without_tensors("GlobalAvgPool2D", &y);
    Ok(y)
}

/// Notes a layer that has nothing to learn.
pub(super) fn without_tensors<S: Shape, E: Dtype, D: Device<E>, T>(
    layer: &'static str,
    y: &Tensor<S, E, D, T>,
) {
    note(layer, None::<&Channels<E, D>>, 0, y);
}
