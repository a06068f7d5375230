//! How far a convolution in f32 may be from the same in f64. No faster kernel may widen it by much: where ReLU follows,
//! an error of the last bits turns units on and off, and the gradients of deep networks part early.

use dfdx::prelude::*;

use super::ways::{Way, Ways, with_ways};
use crate::device::{Image, TryConv2D, Window};

/// The length of the error to that of the result. It grows with the root of the number of terms: 1.1e-6 of 2304,
/// where PyTorch, which sums in blocks, has less than a third.
const BOUND: f64 = 1.3e-6;

/// The same of F(4 x 4): fewer terms are summed, but larger ones, which cancel out. 3.3e-6 was found, of 2304 terms.
/// F(2 x 2) keeps the direct way's.
const F4: f64 = 4.0 * BOUND;

const WINDOW: Window = Window {
    size: 3,
    stride: 1,
    padding: 1,
    dilation: 1,
};

/// Numbers between -1 and 1 that f32 has exactly.
fn numbers<S: Shape, E: Dtype>(dev: &Cpu, shape: S, seed: usize) -> Tensor<S, E, Cpu>
where
    Cpu: Device<E>,
{
    let number = |i: usize| {
        let i = (i + seed * 104_729).wrapping_mul(2_654_435_761) % 65_521;
        E::from_f32(i as f32 / 32_768.0 - 1.0).expect("a float")
    };
    let count = shape.num_elements();
    dev.tensor_from_vec((0..count).map(number).collect(), shape)
}

/// A convolution, and the gradients of its input and its kernels.
fn convolved<E: Dtype>(way: Way, (channels, outputs, side): (usize, usize, usize)) -> [Vec<f64>; 3]
where
    Cpu: TryConv2D<E>,
{
    let dev = Cpu::default();
    let x: Image<E, Cpu> = numbers(&dev, (2, channels, side, side), 1);
    let kernels: Image<E, Cpu> = numbers(&dev, (outputs, channels, 3, 3), 2);
    let ways = Ways {
        forward: way,
        backward: way,
    };
    let y = with_ways(ways, || {
        Cpu::try_conv2d(x.leaky_trace(), &kernels, WINDOW, 1)
    })
    .unwrap();
    let r: Image<E, Cpu> = numbers(&dev, *y.shape(), 3);
    let values = y.as_vec();
    let gradients = (y * r).sum::<Rank0, _>().backward();
    let wide = |values: Vec<E>| {
        values
            .iter()
            .map(|v| v.to_f64().expect("a float"))
            .collect()
    };
    [
        wide(values),
        wide(gradients.get(&x).as_vec()),
        wide(gradients.get(&kernels).as_vec()),
    ]
}

fn length(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The errors of the result, the input's gradient and the weight's.
fn errors(way: Way, sizes: (usize, usize, usize)) -> [f64; 3] {
    let wide = convolved::<f64>(Way::Direct, sizes);
    let mut errors = convolved::<f32>(way, sizes);
    for (found, expected) in errors.iter_mut().zip(&wide) {
        found.iter_mut().zip(expected).for_each(|(a, b)| *a -= b);
    }
    std::array::from_fn(|i| length(&errors[i]) / length(&wide[i]))
}

#[test]
fn a_convolution_in_f32_is_near_that_in_f64() {
    for (way, bound) in [(Way::Direct, BOUND), (Way::F2, BOUND), (Way::F4, F4)] {
        for sizes in [
            (3, 16, 8),
            (16, 16, 32),
            (64, 64, 8),
            (256, 32, 8),
            (32, 256, 8),
            (256, 256, 8),
        ] {
            let found = errors(way, sizes);
            let holds = found.iter().all(|error| *error < bound);
            assert!(holds, "{way:?}, {sizes:?}: {found:?}");
        }
    }
}
