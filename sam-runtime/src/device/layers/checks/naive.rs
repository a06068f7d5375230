//! What the plain loops over `f64` of several operations are made of.

use dfdx::shapes::Shape;

use crate::device::Window;

/// Where tap `tap` of place `place` lies on a side of `length` pixels, if it does.
pub(in crate::device) fn pixel(
    window: Window,
    place: usize,
    tap: usize,
    length: usize,
) -> Option<usize> {
    let at = (place * window.stride + tap * window.dilation) as isize - window.padding as isize;
    (0..length as isize).contains(&at).then_some(at as usize)
}

/// Batch, channels, positions.
pub(in crate::device) fn three<S: Shape>(shape: &S) -> (usize, usize, usize) {
    let sizes: Vec<usize> = shape.concrete().into();
    (sizes[0], sizes[1], sizes[2..].iter().product())
}

/// `f(channel, value)` of each value of (batch, channels, positions).
pub(in crate::device) fn by_channel(
    x: &[f64],
    (_, channels, positions): (usize, usize, usize),
    f: impl Fn(usize, f64) -> f64,
) -> Vec<f64> {
    x.iter()
        .enumerate()
        .map(|(i, &v)| f(i / positions % channels, v))
        .collect()
}

/// `max(0, y)`, if `relu`.
pub(in crate::device) fn relu(mut y: Vec<f64>, relu: bool) -> Vec<f64> {
    if relu {
        y.iter_mut().for_each(|y| *y = y.max(0.0));
    }
    y
}

/// All pairs below `(a, b)`, the second running faster.
pub(in crate::device) fn pairs(a: usize, b: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)))
}
