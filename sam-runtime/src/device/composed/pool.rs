//! Pooling, over windows and over whole images.

use dfdx::{
    prelude::Device,
    shapes::{Axis, Dtype, HasShape, Shape},
    tensor::WithEmptyTape,
    tensor_ops::{ChooseFrom, MeanTo, ReshapeTo, TryGt, TryNe},
};

use super::{
    super::{Image, LayerTape, Pool, Rows, Window},
    conv::{pick, windows},
    grid::Grid,
    wrong_sizes,
};

/// See [`Layers::try_pool2d`](crate::device::Layers::try_pool2d).
pub(in crate::device) fn pool2d<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    pool: Pool,
    window: Window,
) -> Result<Image<E, D, T>, D::Err> {
    let (batch, channels, height, width) = *x.shape();
    let rows = batch * channels;
    let Some(grid) = Grid::new(window, (height, width)).filter(|_| rows > 0) else {
        return Err(wrong_sizes(x.device()));
    };
    let (down, across) = grid.places();
    let y = match pool {
        Pool::Avg => {
            let seen = windows(x, &grid)?.try_reshape_like(&(rows, grid.taps(), grid.count()))?;
            seen.try_mean::<(usize, usize), Axis<1>>()?
        }
        Pool::Max => {
            let Some(seen) = touching(&grid) else {
                return Err(wrong_sizes(x.device()));
            };
            largest(x.try_reshape_like(&(rows, height * width))?, &seen, &grid)?
        }
    };
    y.try_reshape_like(&(batch, channels, down, across))
}

/// As [`Grid::pixels`], but a tap that sees padding sees the first pixel of its window a second time:
/// that leaves the largest as it is. `None` where a window sees nothing but padding.
fn touching(grid: &Grid) -> Option<Vec<usize>> {
    let count = grid.count();
    let mut first = vec![None; count];
    let seen = grid.pixels();
    for (i, &pixel) in seen.iter().enumerate() {
        first[i % count] = first[i % count].or(pixel);
    }
    seen.iter()
        .enumerate()
        .map(|(i, pixel)| pixel.or(first[i % count]))
        .collect()
}

/// The largest of what each place sees, in each row. dfdx's `max` would divide the gradient among
/// equal ones; here a later tap only takes the place of an earlier one that is smaller. Like PyTorch's,
/// the result is NaN where a window sees one.
fn largest<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Rows<E, D, T>,
    seen: &[usize],
    grid: &Grid,
) -> Result<Rows<E, D, T>, D::Err> {
    let mut taps = seen.chunks(grid.count());
    let Some(first) = taps.next() else {
        return Err(wrong_sizes(x.device()));
    };
    let again = x.with_empty_tape();
    let mut best = pick(x, first.to_vec())?;
    for tap in taps {
        let next = pick(again.with_empty_tape(), tap.to_vec())?;
        let takes = next
            .device()
            .or(&next.try_gt(&best)?, &next.try_ne(&next)?)?;
        best = takes.try_choose(next, best)?;
    }
    Ok(best)
}

/// See [`Layers::try_global_avg_pool`](crate::device::Layers::try_global_avg_pool).
pub(in crate::device) fn global_avg_pool<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
) -> Result<Rows<E, D, T>, D::Err> {
    let (batch, channels, height, width) = *x.shape();
    if x.shape().num_elements() == 0 {
        return Err(wrong_sizes(x.device()));
    }
    x.try_reshape_like(&(batch, channels, height * width))?
        .try_mean::<_, Axis<2>>()
}
