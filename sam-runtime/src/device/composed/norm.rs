//! Batch normalization, and the bias that may stand in its place.

use dfdx::{
    prelude::Device,
    shapes::{Axes2, Dtype, HasShape, Shape},
    tensor::{PutTape, SplitTape, Tape, Tensor, WithEmptyTape},
    tensor_ops::{BroadcastTo, MeanTo, ReshapeTo, TryAdd, TryDiv, TryMul, TrySub},
};

use super::{
    super::{Affine, Channels, LayerTape, Moments, Normalized, Tail},
    finish, scalar, wrong_sizes,
};

/// (batch, channels, positions).
type Positions = (usize, usize, usize);
/// One number for each channel, on a tape.
type Traced<E, D, T> = Tensor<(usize,), E, D, T>;

/// See [`Layers::try_batch_norm`](crate::device::Layers::try_batch_norm).
#[allow(clippy::type_complexity)]
pub(in crate::device) fn batch_norm<S: Shape, E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Tensor<S, E, D, T>,
    affine: &Affine<E, D>,
    tail: Tail<Tensor<S, E, D, T>>,
) -> Normalized<Tensor<S, E, D, T>, E, D> {
    let shape = *x.shape();
    let Some(positions) = positions(&shape).filter(|p| fits(&shape, p.1, affine, &tail)) else {
        return Err(wrong_sizes(x.device()));
    };
    let x = x.try_reshape_like(&positions)?;
    let (mean, mean_value) = kept(x.with_empty_tape().try_mean::<_, Axes2<0, 2>>()?);
    let centered = x.try_sub(spread(mean, &positions)?)?;
    let squares = centered.with_empty_tape().try_square()?;
    let (variance, variance_value) = kept(squares.try_mean::<_, Axes2<0, 2>>()?);
    let deviation = variance.try_add(scalar::<E>(affine.epsilon))?.try_sqrt()?;
    let factor = affine.scale.retaped::<T>().try_div(deviation)?;
    let y = scaled(centered, factor, &affine.bias)?;
    let moments = Moments {
        mean: mean_value,
        variance: variance_value,
        count: positions.0 * positions.2,
    };
    Ok((finish(y.try_reshape_like(&shape)?, tail)?, moments))
}

/// See [`Layers::try_normalize`](crate::device::Layers::try_normalize).
pub(in crate::device) fn normalize<S: Shape, E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Tensor<S, E, D, T>,
    affine: &Affine<E, D>,
    mean: &Channels<E, D>,
    variance: &Channels<E, D>,
    tail: Tail<Tensor<S, E, D, T>>,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    let shape = *x.shape();
    let Some(positions) = positions(&shape).filter(|&(_, channels, _)| {
        fits(&shape, channels, affine, &tail)
            && [mean, variance].iter().all(|m| m.shape().0 == channels)
    }) else {
        return Err(wrong_sizes(x.device()));
    };
    // Computed without a tape, and so under new ids: dfdx gives every operand a gradient, and these
    // are not to leave one with the moments.
    let below = mean.clone().try_negate()?;
    let deviation = variance
        .clone()
        .try_add(scalar::<E>(affine.epsilon))?
        .try_sqrt()?;
    let factor = affine.scale.retaped::<T>().try_div(deviation)?;
    let centered = x
        .try_reshape_like(&positions)?
        .try_add(spread(below, &positions)?)?;
    let y = scaled(centered, factor, &affine.bias)?;
    finish(y.try_reshape_like(&shape)?, tail)
}

/// See [`Layers::try_bias`](crate::device::Layers::try_bias).
pub(in crate::device) fn bias<S: Shape, E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Tensor<S, E, D, T>,
    bias: &Channels<E, D>,
    relu: bool,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    let shape = *x.shape();
    let Some(positions) = positions(&shape).filter(|p| p.1 == bias.shape().0) else {
        return Err(wrong_sizes(x.device()));
    };
    let y = x
        .try_reshape_like(&positions)?
        .try_add(spread(bias.retaped::<T>(), &positions)?)?;
    let tail = Tail {
        residual: None,
        relu,
    };
    finish(y.try_reshape_like(&shape)?, tail)
}

/// Batch, channels, and all positions together; `None` for a shape without channels, and for one with
/// no elements, which have no mean.
fn positions<S: Shape>(shape: &S) -> Option<Positions> {
    let sizes = shape.concrete();
    let [batch, channels, rest @ ..] = sizes.as_ref() else {
        return None;
    };
    (shape.num_elements() > 0).then(|| (*batch, *channels, rest.iter().product()))
}

fn fits<S: Shape, E: Dtype, D: Device<E>, T>(
    shape: &S,
    channels: usize,
    affine: &Affine<E, D>,
    tail: &Tail<Tensor<S, E, D, T>>,
) -> bool {
    let parameters = [&affine.scale, &affine.bias];
    let residual = tail.residual.as_ref();
    parameters.iter().all(|p| p.shape().0 == channels)
        && residual.is_none_or(|residual| residual.shape() == shape)
}

/// `centered * factor + bias`.
fn scaled<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    centered: Tensor<Positions, E, D, T>,
    factor: Traced<E, D, T>,
    bias: &Channels<E, D>,
) -> Result<Tensor<Positions, E, D, T>, D::Err> {
    let positions = *centered.shape();
    centered
        .try_mul(spread(factor, &positions)?)?
        .try_add(spread(bias.retaped::<T>(), &positions)?)
}

/// A channel's number at all its positions; nothing is copied.
fn spread<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    channels: Traced<E, D, T>,
    positions: &Positions,
) -> Result<Tensor<Positions, E, D, T>, D::Err> {
    channels.try_broadcast_like::<_, Axes2<0, 2>>(positions)
}

/// `x`, and what it is worth.
fn kept<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Traced<E, D, T>,
) -> (Traced<E, D, T>, Channels<E, D>) {
    let (x, tape) = x.split_tape();
    (x.clone().put_tape(tape), x)
}
