//! Convolution as a matrix product with the windows of the image side by side ("im2col").

use dfdx::{
    prelude::Device,
    shapes::{Axes2, Axes3, Axis, Dtype, HasShape},
    tensor::Tensor,
    tensor_ops::{BroadcastTo, GatherTo, PermuteTo, ReshapeTo, TryConcatAlong, TryMatMul},
};

use super::{
    super::{Image, LayerTape, Rows, Window},
    grid::Grid,
    wrong_sizes,
};

/// See [`Layers::try_conv2d`](crate::device::Layers::try_conv2d).
///
/// The windows take `size * size / stride^2` times the memory of the image, and stay on the tape.
pub(in crate::device) fn conv2d<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    weight: &Image<E, D>,
    window: Window,
    groups: usize,
) -> Result<Image<E, D, T>, D::Err> {
    let (batch, channels, height, width) = *x.shape();
    let (out, inner, down, across) = *weight.shape();
    let fits = batch > 0
        && groups > 0
        && out > 0
        && inner > 0
        && out % groups == 0
        && inner.checked_mul(groups) == Some(channels)
        && (down, across) == (window.size, window.size);
    let grid = Grid::new(window, (height, width)).filter(|_| fits);
    let Some(grid) = grid else {
        return Err(wrong_sizes(x.device()));
    };

    let (terms, places) = (inner * grid.taps(), grid.count());
    let columns = windows(x, &grid)?;
    let weight = weight.retaped::<T>();
    let y: Tensor<(usize, usize, usize), E, D, T> = if groups == 1 {
        // The one form in which dfdx multiplies a whole batch with the same matrix on every device
        // has that matrix on the right. The turned views cost nothing, the turned result a copy.
        let columns = columns
            .try_reshape_like(&(batch, terms, places))?
            .try_permute::<_, Axes3<0, 2, 1>>()?;
        let weight = weight
            .try_reshape_like(&(out, terms))?
            .try_permute::<_, Axes2<1, 0>>()?;
        let y: Tensor<(usize, usize, usize), E, D, T> = columns.try_matmul(weight)?;
        y.try_permute::<_, Axes3<0, 2, 1>>()?
    } else {
        // A copy of the weight for each image, since dfdx's batched product refuses a stride of 0 on
        // a GPU; the weight of a grouped convolution is small.
        let columns = columns.try_reshape_like(&(batch, groups, terms, places))?;
        let shape = (batch, groups, out / groups, terms);
        let weight = weight
            .try_reshape_like(&(groups, out / groups, terms))?
            .try_broadcast_like::<_, Axis<0>>(&shape)?
            .try_contiguous()?;
        let y: Tensor<(usize, usize, usize, usize), E, D, T> = weight.try_matmul(columns)?;
        y.try_reshape_like(&(batch, out, places))?
    };
    let (down, across) = grid.places();
    y.try_reshape_like(&(batch, out, down, across))
}

/// What the windows see: a row for each channel of each image, in it the taps one after the other,
/// for each tap the places. Padding is zero.
pub(super) fn windows<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    grid: &Grid,
) -> Result<Rows<E, D, T>, D::Err> {
    let (batch, channels, height, width) = *x.shape();
    let (rows, pixels) = (batch * channels, height * width);
    let x = x.try_reshape_like(&(rows, pixels))?;
    if grid.is_identity() {
        return Ok(x);
    }
    let seen = grid.pixels();
    let x = if seen.contains(&None) {
        // A pixel more in each row, for all taps beside the image.
        let zero = x.device().try_zeros_like(&(rows, 1))?;
        (x, zero).try_concat_along(Axis::<1>)?
    } else {
        x
    };
    let seen = seen.into_iter().map(|p| p.unwrap_or(pixels)).collect();
    pick(x, seen)
}

/// The pixels `seen` of each row.
pub(super) fn pick<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Rows<E, D, T>,
    seen: Vec<usize>,
) -> Result<Rows<E, D, T>, D::Err> {
    let (rows, length) = (x.shape().0, seen.len());
    // The same indices for every row: a stride of 0 again, not a copy for each.
    let seen = x
        .device()
        .try_tensor_from_vec(seen, (length,))?
        .try_broadcast_like::<_, Axis<0>>(&(rows, length))?;
    x.try_gather(seen)
}
