//! Convolutions and pools against plain loops.

use dfdx::prelude::*;

use super::close;
use crate::nn::{AvgPool2D, Conv2D, GlobalAvgPool2D, MaxPool2D, dims::Grouped};

/// The pixels of an image's channel under a window at one place, with their taps; `None` is padding.
fn under<'a, const K: usize, const S: usize, const P: usize, const L: usize>(
    channel: &'a [Vec<f64>],
    (row, column): (usize, usize),
) -> impl Iterator<Item = (usize, usize, Option<f64>)> + 'a {
    (0..K * K).map(move |tap| {
        let (i, j) = (tap / K, tap % K);
        let at = |place: usize, i: usize| (place * S + i * L).checked_sub(P);
        let pixel = at(row, i)
            .zip(at(column, j))
            .and_then(|(r, c)| channel.get(r)?.get(c).copied());
        (i, j, pixel)
    })
}

type Dynamic = (usize, usize, usize, usize);

/// (batch, channels, rows, columns) as nested vectors.
fn nested<S: Shape<Concrete = [usize; 4]>>(x: &Tensor<S, f64, Cpu>) -> Vec<Vec<Vec<Vec<f64>>>> {
    let [_, c, h, w] = x.shape().concrete();
    let rows: Vec<Vec<f64>> = x.as_vec().chunks(w).map(<[f64]>::to_vec).collect();
    let channels: Vec<Vec<Vec<f64>>> = rows.chunks(h).map(<[Vec<f64>]>::to_vec).collect();
    channels.chunks(c).map(<[Vec<Vec<f64>>]>::to_vec).collect()
}

fn convolves<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
>()
where
    Const<IN>: Grouped<G>,
{
    let dev = Cpu::seed_from_u64(9);
    let conv = dev.build_module::<Conv2D<IN, OUT, K, S, P, L, G>, f64>();
    let x: Tensor<(usize, Const<IN>, usize, usize), f64, _> =
        dev.sample_normal_like(&(2, Const, 9, 8));
    let y = conv.forward(x.clone());
    let weight = conv.weight.clone();
    let weight = nested(&weight);
    let [batch, channels, height, width] = y.shape().concrete();
    assert_eq!(
        [batch, channels, height, width],
        [
            2,
            OUT,
            (9 + 2 * P - L * (K - 1) - 1) / S + 1,
            (8 + 2 * P - L * (K - 1) - 1) / S + 1
        ]
    );
    let mut expected = Vec::new();
    for image in &nested(&x) {
        for (o, kernels) in weight.iter().enumerate() {
            let first = o / (OUT / G) * (IN / G);
            for place in 0..height * width {
                let place = (place / width, place % width);
                let sum = kernels
                    .iter()
                    .zip(&image[first..])
                    .map(|(kernel, channel)| {
                        under::<K, S, P, L>(channel, place)
                            .map(|(i, j, pixel)| kernel[i][j] * pixel.unwrap_or(0.0))
                            .sum::<f64>()
                    });
                expected.push(sum.sum::<f64>());
            }
        }
    }
    close(&y.as_vec(), &expected);
}

#[test]
fn convolution_is_a_sum_over_taps() {
    convolves::<3, 4, 3, 1, 0, 1, 1>();
    convolves::<3, 4, 3, 2, 1, 1, 1>();
    convolves::<2, 3, 1, 2, 0, 1, 1>();
    convolves::<4, 6, 3, 1, 2, 2, 2>();
    convolves::<4, 4, 3, 2, 1, 1, 4>();
}

#[test]
fn pools_are_taken_over_their_windows() {
    let dev = Cpu::seed_from_u64(10);
    let x: Tensor<Dynamic, f64, _> = dev.sample_normal_like(&(2, 3, 7, 6));
    macro_rules! pools {
        ($(<$k:literal, $s:literal, $p:literal, $l:literal>)*) => {$(
            let max = MaxPool2D::<$k, $s, $p, $l>.forward(x.clone());
            let avg = AvgPool2D::<$k, $s, $p, $l>.forward(x.clone());
            let [_, _, height, width] = max.shape().concrete();
            assert_eq!(avg.shape(), max.shape());
            let (mut largest, mut means) = (Vec::new(), Vec::new());
            for channel in nested(&x).iter().flatten() {
                for place in 0..height * width {
                    let pixels: Vec<f64> =
                        under::<$k, $s, $p, $l>(channel, (place / width, place % width))
                            .filter_map(|(_, _, pixel)| pixel)
                            .collect();
                    largest.push(pixels.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                    means.push(pixels.iter().sum::<f64>() / ($k * $k) as f64);
                }
            }
            close(&max.as_vec(), &largest);
            close(&avg.as_vec(), &means);
        )*};
    }
    pools!(<2, 2, 0, 1> <3, 2, 1, 1> <2, 1, 0, 1> <3, 1, 0, 2>);
}

#[test]
fn global_pool_is_the_mean_of_a_channel() {
    let dev = Cpu::seed_from_u64(11);
    let x: Tensor<Rank4<2, 3, 4, 5>, f64, _> = dev.sample_normal();
    let y: Tensor<Rank2<2, 3>, f64, _> = GlobalAvgPool2D.forward(x.clone());
    let means: Vec<f64> = x
        .as_vec()
        .chunks(20)
        .map(|c| c.iter().sum::<f64>() / 20.0)
        .collect();
    close(&y.as_vec(), &means);
}

#[test]
fn weights_start_uniform_in_their_bounds() {
    let dev = Cpu::seed_from_u64(12);
    let weight = dev
        .build_module::<Conv2D<32, 64, 3, 1, 1, 1, 2>, f64>()
        .weight;
    let bound = (2.0 / (32.0 * 9.0_f64)).sqrt();
    let weight = weight.as_vec();
    assert!(weight.iter().all(|w| w.abs() <= bound));
    // The variance of a uniform distribution is a third of its squared bound.
    let variance = weight.iter().map(|w| w * w).sum::<f64>() / weight.len() as f64;
    assert!(
        (variance / (bound * bound / 3.0) - 1.0).abs() < 0.05,
        "{variance}"
    );
}
