//! The fully connected layer.

use dfdx::{
    prelude::Device,
    shapes::{Axes2, Axis, Dtype, HasShape},
    tensor_ops::{BroadcastTo, PermuteTo, ReshapeTo, TryAdd, TryMatMul},
};

use super::{
    super::{Channels, LayerTape, Rows},
    wrong_sizes,
};

/// See [`Layers::try_linear`](crate::device::Layers::try_linear).
pub(in crate::device) fn linear<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Rows<E, D, T>,
    weight: &Rows<E, D>,
    bias: Option<&Channels<E, D>>,
    relu: bool,
) -> Result<Rows<E, D, T>, D::Err> {
    let (batch, features) = *x.shape();
    let (out, inner) = *weight.shape();
    let fits = inner == features && bias.is_none_or(|bias| bias.shape().0 == out);
    if !fits || batch == 0 || features == 0 || out == 0 {
        return Err(wrong_sizes(x.device()));
    }
    let weight = weight
        .retaped::<T>()
        .try_contiguous()?
        .try_permute::<_, Axes2<1, 0>>()?;
    // dfdx takes rows with a stride of 0 for rows that follow each other, on a GPU.
    let mut y: Rows<E, D, T> = x.try_contiguous()?.try_matmul(weight)?;
    if let Some(bias) = bias {
        let bias = bias.retaped::<T>();
        y = y.try_add(bias.try_broadcast_like::<_, Axis<0>>(&(batch, out))?)?;
    }
    if relu { y.try_relu() } else { Ok(y) }
}
