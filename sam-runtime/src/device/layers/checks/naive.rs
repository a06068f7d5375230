//! The operations as plain loops over `f64`, straight from their definitions.

use crate::device::{Pool, Window};

/// (batch, channels, height, width)
pub(super) type Size4 = (usize, usize, usize, usize);

/// Where tap `tap` of place `place` lies on a side of `length` pixels, if it does.
fn pixel(window: Window, place: usize, tap: usize, length: usize) -> Option<usize> {
    let at = (place * window.stride + tap * window.dilation) as isize - window.padding as isize;
    (0..length as isize).contains(&at).then_some(at as usize)
}

pub(super) fn conv2d(
    x: &[f64],
    (batch, channels, height, width): Size4,
    weight: &[f64],
    out: usize,
    window: Window,
    groups: usize,
) -> (Vec<f64>, Size4) {
    let (high, wide) = (
        window.places(height).unwrap(),
        window.places(width).unwrap(),
    );
    let (inner, k) = (channels / groups, window.size);
    let mut y = Vec::new();
    for (b, o) in pairs(batch, out) {
        let first = o / (out / groups) * inner;
        for (i, j) in pairs(high, wide) {
            let mut sum = 0.0;
            for c in 0..inner {
                for (u, v) in pairs(k, k) {
                    let row = pixel(window, i, u, height);
                    if let Some((r, s)) = row.zip(pixel(window, j, v, width)) {
                        let image = (b * channels + first + c) * height * width;
                        sum += x[image + r * width + s] * weight[((o * inner + c) * k + u) * k + v];
                    }
                }
            }
            y.push(sum);
        }
    }
    (y, (batch, out, high, wide))
}

/// Each window's values, with their places in the image, in the order of the rows.
fn windows(
    x: &[f64],
    (batch, channels, height, width): Size4,
    window: Window,
    mut each: impl FnMut(&[(usize, f64)]),
) {
    let (high, wide) = (
        window.places(height).unwrap(),
        window.places(width).unwrap(),
    );
    for image in 0..batch * channels {
        for (i, j) in pairs(high, wide) {
            let mut seen = Vec::new();
            for (u, v) in pairs(window.size, window.size) {
                let row = pixel(window, i, u, height);
                if let Some((r, s)) = row.zip(pixel(window, j, v, width)) {
                    let at = image * height * width + r * width + s;
                    seen.push((at, x[at]));
                }
            }
            each(&seen);
        }
    }
}

pub(super) fn pool2d(x: &[f64], size: Size4, pool: Pool, window: Window) -> Vec<f64> {
    let mut y = Vec::new();
    windows(x, size, window, |seen| {
        y.push(match pool {
            Pool::Max => first_largest(seen).1,
            Pool::Avg => seen.iter().map(|s| s.1).sum::<f64>() / (window.size * window.size) as f64,
        });
    });
    y
}

/// The gradient that a max pool gives its input: `r` of each window to the first of its largest.
pub(super) fn max_pool_gradient(x: &[f64], size: Size4, window: Window, r: &[f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; x.len()];
    let mut r = r.iter();
    windows(x, size, window, |seen| {
        gradient[first_largest(seen).0] += r.next().unwrap();
    });
    gradient
}

fn first_largest(seen: &[(usize, f64)]) -> (usize, f64) {
    let later = |best: (usize, f64), next: &(usize, f64)| {
        if next.1 > best.1 { *next } else { best }
    };
    seen[1..].iter().fold(seen[0], later)
}

/// The mean and the biased variance of each channel of (batch, channels, positions).
pub(super) fn moments(
    x: &[f64],
    (batch, channels, positions): (usize, usize, usize),
) -> (Vec<f64>, Vec<f64>) {
    let of_channel = |c: usize| {
        (0..batch).flat_map(move |b| {
            let start = (b * channels + c) * positions;
            x[start..start + positions].iter().copied()
        })
    };
    let count = (batch * positions) as f64;
    (0..channels)
        .map(|c| {
            let mean = of_channel(c).sum::<f64>() / count;
            let squares = of_channel(c).map(|v| (v - mean) * (v - mean)).sum::<f64>();
            (mean, squares / count)
        })
        .unzip()
}

/// `f(channel, value)` of each value of (batch, channels, positions).
pub(super) fn by_channel(
    x: &[f64],
    (_, channels, positions): (usize, usize, usize),
    f: impl Fn(usize, f64) -> f64,
) -> Vec<f64> {
    x.iter()
        .enumerate()
        .map(|(i, &v)| f(i / positions % channels, v))
        .collect()
}

/// `max(0, y + residual)`, each part if it is there.
pub(super) fn tail(mut y: Vec<f64>, residual: Option<&Vec<f64>>, relu: bool) -> Vec<f64> {
    for (i, y) in y.iter_mut().enumerate() {
        *y += residual.map_or(0.0, |residual| residual[i]);
        if relu {
            *y = y.max(0.0);
        }
    }
    y
}

pub(super) fn linear(x: &[f64], weight: &[f64], bias: Option<&Vec<f64>>, out: usize) -> Vec<f64> {
    let features = weight.len() / out;
    let mut y = Vec::new();
    for row in x.chunks(features) {
        for o in 0..out {
            let terms = row.iter().zip(&weight[o * features..]);
            let sum: f64 = terms.map(|(a, b)| a * b).sum();
            y.push(sum + bias.map_or(0.0, |bias| bias[o]));
        }
    }
    y
}

/// Every `stride`-th pixel of every `stride`-th row, between channels of zeros.
pub(super) fn subsample(
    x: &[f64],
    (batch, channels, height, width): Size4,
    stride: usize,
    outputs: usize,
    before: usize,
) -> Vec<f64> {
    let mut y = Vec::new();
    for (b, o) in pairs(batch, outputs) {
        for (i, j) in pairs(height.div_ceil(stride), width.div_ceil(stride)) {
            y.push(match o.checked_sub(before) {
                Some(c) if c < channels => {
                    x[((b * channels + c) * height + i * stride) * width + j * stride]
                }
                _ => 0.0,
            });
        }
    }
    y
}

/// All pairs below `(a, b)`, the second running faster.
fn pairs(a: usize, b: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)))
}
