//! Winograd's ways against the definition, and what holds for them besides.

use dfdx::prelude::*;
use rayon::ThreadPoolBuilder;

use crate::device::{
    Image, TryConv2D, Window,
    conv::{
        checks::{Case, conv, window},
        cpu::ways::{Way, Ways, with_ways},
    },
    layers::checks::{Numbers, by_pixels, check},
};

const WAYS: [Way; 2] = [Way::F2, Way::F4];

/// Paddings; tiles that reach over the edges; channels that fill no vector, and one more than that.
const CASES: &[Case] = &[
    ((2, 3, 5, 4), 4, window(3, 1, 1, 1), 1),
    ((3, 2, 4, 7), 3, window(3, 1, 2, 1), 1),
    ((1, 3, 8, 9), 2, window(3, 1, 0, 1), 1),
    ((2, 9, 4, 4), 17, window(3, 1, 1, 1), 1),
    ((1, 17, 4, 6), 9, window(3, 1, 1, 1), 1),
    ((9, 1, 2, 6), 2, window(3, 1, 1, 1), 1),
    // Rows of whole vectors: of places, and of pixels.
    ((2, 2, 3, 16), 3, window(3, 1, 1, 1), 1),
    ((1, 17, 2, 16), 2, window(3, 1, 1, 1), 1),
    ((1, 2, 3, 18), 1, window(3, 1, 0, 1), 1),
    ((1, 2, 3, 32), 1, window(3, 1, 2, 1), 1),
    // More than a line has room for.
    ((1, 1, 3, 80), 1, window(3, 1, 1, 1), 1),
];

fn both(way: Way) -> Ways {
    Ways {
        forward: way,
        backward: way,
    }
}

#[test]
fn all_ways_are_the_convolution() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(1));
    for (way, case) in WAYS
        .into_iter()
        .flat_map(|way| CASES.iter().map(move |c| (way, c)))
    {
        let op = conv::<f32, Cpu>(&mut numbers, &dev, case);
        let x = numbers.tensor(&dev, case.0);
        with_ways(both(way), || check(&format!("{way:?}, {case:?}"), &op, &x));
    }
}

/// From each order to each: results by pixels have whole blocks of channels, and so have such images.
#[test]
fn all_ways_are_the_convolution_in_any_order() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(4));
    for way in WAYS {
        for (x_by_pixels, size, outputs, padding) in [
            (true, (1, 16, 4, 6), 3, 1),
            (true, (2, 16, 5, 4), 16, 0),
            (false, (3, 2, 4, 7), 32, 1),
            (false, (1, 1, 6, 16), 16, 2),
        ] {
            let case = (size, outputs, window(3, 1, padding, 1), 1);
            let op = conv::<f32, Cpu>(&mut numbers, &dev, &case);
            let (batch, channels, height, width) = size;
            let x = match x_by_pixels {
                true => by_pixels(numbers.tensor(&dev, (batch, height, width, channels))),
                false => numbers.tensor(&dev, size),
            };
            with_ways(both(way), || check(&format!("{way:?}, {case:?}"), &op, &x));
        }
    }
}

const WINDOW: Window = window(3, 1, 1, 1);

/// A convolution, and the gradients of its input and its kernels, where that of the output is its values'.
fn computed(way: Way, x: &Image<f32, Cpu>, weight: &Image<f32, Cpu>) -> [Vec<f32>; 3] {
    with_ways(both(way), || {
        let y = Cpu::try_conv2d(x.leaky_trace(), weight, WINDOW, 1).unwrap();
        let values = y.as_vec();
        let gradients = y.square().sum::<Rank0, _>().backward();
        [
            values,
            gradients.get(x).as_vec(),
            gradients.get(weight).as_vec(),
        ]
    })
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Sizes of images that are transformed alone, and several at once.
const SIZES: [(usize, usize); 3] = [(17, 32), (7, 9), (8, 8)];

#[test]
fn a_sample_has_the_same_bits_in_any_batch() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(2));
    let weight: Image<f32, Cpu> = numbers.tensor(&dev, (18, 17, 3, 3));
    for (way, (high, wide)) in WAYS.into_iter().flat_map(|w| SIZES.map(|s| (w, s))) {
        let x: Image<f32, Cpu> = numbers.tensor(&dev, (11, 17, high, wide));
        let [y, d_x, _] = computed(way, &x, &weight);
        for n in [0, 4, 10] {
            let one: Image<f32, Cpu> = dev.tensor_from_vec(
                x.as_vec()[n * 17 * high * wide..][..17 * high * wide].to_vec(),
                (1, 17, high, wide),
            );
            let [y_one, d_x_one, _] = computed(way, &one, &weight);
            for (all, alone) in [(&y, &y_one), (&d_x, &d_x_one)] {
                let same = bits(&all[n * alone.len()..][..alone.len()]) == bits(alone);
                assert!(same, "{way:?}, {high} x {wide}, sample {n}");
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(3));
    let weight: Image<f32, Cpu> = numbers.tensor(&dev, (18, 17, 3, 3));
    for (way, (high, wide)) in WAYS.into_iter().flat_map(|w| SIZES.map(|s| (w, s))) {
        let x: Image<f32, Cpu> = numbers.tensor(&dev, (37, 17, high, wide));
        let on = |threads: usize| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let found = pool.unwrap().install(|| computed(way, &x, &weight));
            found.map(|values| bits(&values))
        };
        let one = on(1);
        for threads in [2, 5] {
            assert!(on(threads) == one, "{way:?}, {high} x {wide}, {threads}");
        }
    }
}

/// What is not finite is so in every place that it reaches, and in no other tile; and a tile over zeros is zero.
#[test]
fn infinities_reach_all_places_of_their_windows_and_no_other_tile() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(4));
    let (side, at) = (16, (5, 9));
    let weight: Image<f32, Cpu> = numbers.tensor(&dev, (3, 2, 3, 3));
    for (way, tile) in [(Way::F2, 2), (Way::F4, 4)] {
        for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let mut pixels = vec![0.0; 2 * side * side];
            pixels[at.0 * side + at.1] = x;
            let x = dev.tensor_from_vec(pixels, (1, 2, side, side));
            let y = with_ways(both(way), || Cpu::try_conv2d(x, &weight, WINDOW, 1)).unwrap();
            for (i, value) in y.as_vec().into_iter().enumerate() {
                let (row, column) = (i / side % side, i % side);
                let is_near = row.abs_diff(at.0) < 2 && column.abs_diff(at.1) < 2;
                let of_tile = |place: usize, at: usize| {
                    let first = place / tile * tile;
                    (first..=first + tile + 1).contains(&(at + 1))
                };
                if is_near {
                    assert!(!value.is_finite(), "{way:?}, {row}, {column}: {value}");
                } else if !(of_tile(row, at.0) && of_tile(column, at.1)) {
                    assert!(value == 0.0, "{way:?}, {row}, {column}: {value}");
                }
            }
        }
    }
}
