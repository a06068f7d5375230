//! What only the host's operations are asked for: tensors without elements, any number of threads, precision.

use dfdx::{
    prelude::*,
    tensor::{Gradients, OwnedTape},
};
use rayon::ThreadPoolBuilder;

use crate::device::{
    Affine, Image, Pool, Rows, Tail, TryBatchNorm, TryBias, TryConv2D, TryConv2DBatchNorm,
    TryLinear, TryPool2D, Window,
    batch_norm::cpu::{Cut, Incoming, channel_sums},
    cpu::dims::Dims,
};

fn numbers<S: Shape>(dev: &Cpu, shape: S, seed: usize) -> Tensor<S, f32, Cpu> {
    let number = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0;
    let count = shape.num_elements();
    dev.tensor_from_vec((0..count).map(number).collect(), shape)
}

type Traced<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;

/// `x x^T`, and the square of an image as its own weight: each against the same with a copy.
#[test]
fn a_tensor_that_is_its_own_weight_has_both_gradients() {
    let dev = Cpu::default();
    let x: Rows<f32, Cpu> = numbers(&dev, (5, 5), 1);
    let copy: Rows<f32, Cpu> = dev.tensor_from_vec(x.as_vec(), (5, 5));
    let both = |weight: &Rows<f32, Cpu>| {
        let y = Cpu::try_linear(x.leaky_trace(), weight, None, false).unwrap();
        let gradients = y.square().mean().backward();
        (gradients.get(&x).as_vec(), gradients.get(weight).as_vec())
    };
    let (d_x, d_weight) = both(&copy);
    let (itself, _) = both(&x);
    for (found, (a, b)) in itself.iter().zip(d_x.iter().zip(&d_weight)) {
        assert!((found - (a + b)).abs() < 1e-6);
    }

    let x: Image<f32, Cpu> = numbers(&dev, (2, 2, 3, 3), 1);
    let copy: Image<f32, Cpu> = dev.tensor_from_vec(x.as_vec(), (2, 2, 3, 3));
    let window = Window {
        padding: 1,
        ..Window::new(3)
    };
    let both = |weight: &Image<f32, Cpu>| {
        let y = Cpu::try_conv2d(x.leaky_trace(), weight, window, 1).unwrap();
        let gradients = y.square().mean().backward();
        (gradients.get(&x).as_vec(), gradients.get(weight).as_vec())
    };
    let (d_x, d_weight) = both(&copy);
    let (itself, _) = both(&x);
    for (found, (a, b)) in itself.iter().zip(d_x.iter().zip(&d_weight)) {
        assert!((found - (a + b)).abs() < 1e-5);
    }
}

/// No inputs: each output is the bias. No outputs: there is nothing.
#[test]
fn a_linear_layer_of_nothing_is_its_bias() {
    let dev = Cpu::default();
    // dfdx reads no tensor without elements.
    let values =
        |gradients: &Gradients<f32, Cpu>, of: &Rows<f32, Cpu>| match of.shape().num_elements() {
            0 => Vec::new(),
            _ => gradients.get(of).as_vec(),
        };
    for (inputs, outputs) in [(0, 3), (4, 0), (0, 0), (128, 0), (0, 128)] {
        let x: Rows<f32, Cpu> = numbers(&dev, (2, inputs), 1);
        let weight: Rows<f32, Cpu> = numbers(&dev, (outputs, inputs), 2);
        let bias = numbers(&dev, (outputs,), 3);
        let y = Cpu::try_linear(x.leaky_trace(), &weight, Some(&bias), false).unwrap();
        assert_eq!(*y.shape(), (2, outputs));
        if outputs == 0 {
            continue;
        }
        assert_eq!(y.as_vec(), bias.as_vec().repeat(2));
        let gradients = y.sum().backward();
        assert_eq!(values(&gradients, &x), vec![0.0; 2 * inputs]);
        assert_eq!(gradients.get(&bias).as_vec(), vec![2.0; outputs]);
        assert_eq!(values(&gradients, &weight), vec![0.0; outputs * inputs]);
    }
    let model = dev.build_module::<crate::nn::Linear<0, 3>, f32>();
    assert_eq!(model.bias.array(), [0.0; 3]);
}

/// One tap, whose distance to the next one is of no account, where only padding is.
#[test]
fn a_pool_with_a_huge_dilation_covers_its_one_tap() {
    let dev = Cpu::default();
    let x: Image<f32, Cpu> = numbers(&dev, (1, 1, 3, 3), 1);
    for stride in [1, 2] {
        let window = |dilation| Window {
            size: 1,
            stride,
            padding: 2,
            dilation,
        };
        let of = |dilation| {
            let y = Cpu::try_pool2d(x.leaky_trace(), Pool::Avg, window(dilation)).unwrap();
            let values = y.as_vec();
            (values, y.square().mean().backward().get(&x).as_vec())
        };
        for huge in [usize::MAX, usize::MAX / 2, 1 << 40] {
            assert_eq!(of(huge), of(1));
            // There the largest element is of nothing.
            assert!(Cpu::try_pool2d(x.clone(), Pool::Max, window(huge)).is_err());
        }
    }
}

/// An image without pixels but with padding, one without channels, and no images: each place is the sum of nothing,
/// as in PyTorch, whatever lay in the memory before.
#[test]
fn a_convolution_of_nothing_is_zero() {
    let dev = Cpu::default();
    let window = |size, padding| Window {
        size,
        stride: 1,
        padding,
        dilation: 1,
    };
    for (image, outputs, window) in [
        ((2, 1, 0, 0), 3, window(1, 2)),
        ((2, 2, 0, 3), 4, window(3, 2)),
        ((2, 0, 3, 4), 3, window(2, 1)),
        ((0, 2, 3, 4), 3, window(3, 1)),
    ] {
        let (high, wide) = (window.places(image.2), window.places(image.3));
        let shape = (image.0, outputs, high.unwrap(), wide.unwrap());
        let count = shape.0 * shape.1 * shape.2 * shape.3;
        drop(std::hint::black_box(vec![12345.678_f32; count]));
        let x: Image<f32, Cpu> = dev.tensor_from_vec(vec![], image);
        let weight: Image<f32, Cpu> =
            numbers(&dev, (outputs, image.1, window.size, window.size), 1);
        let y = Cpu::try_conv2d(x.leaky_trace(), &weight, window, 1).unwrap();
        assert_eq!(*y.shape(), shape);
        if count > 0 {
            assert_eq!(y.as_vec(), vec![0.0; count], "{image:?}");
            let gradients = y.mean().backward();
            let weights = weight.shape().num_elements();
            if weights > 0 {
                assert_eq!(gradients.get(&weight).as_vec(), vec![0.0; weights]);
            }
        }
    }
}

/// Everything that a small network of all layers computes, bit by bit.
fn network() -> Vec<u32> {
    let dev = Cpu::default();
    let window = |size, stride, padding| Window {
        size,
        stride,
        padding,
        dilation: 1,
    };
    let x: Image<f32, Cpu> = numbers(&dev, (37, 3, 12, 10), 1);
    let kernels: Image<f32, Cpu> = numbers(&dev, (20, 3, 3, 3), 2);
    let more: Image<f32, Cpu> = numbers(&dev, (24, 20, 3, 3), 3);
    let affine = Affine {
        scale: numbers(&dev, (20,), 4),
        bias: numbers(&dev, (20,), 5),
        epsilon: 1e-5,
    };
    let weight: Rows<f32, Cpu> = numbers(&dev, (300, 24 * 9), 6);
    let y = x.leaky_trace();
    let (y, moments) =
        Cpu::try_conv2d_batch_norm(y, &kernels, window(3, 1, 1), 1, &affine, Tail::RELU).unwrap();
    let y = Cpu::try_pool2d(y, Pool::Max, window(2, 2, 0)).unwrap();
    let (y, _) = Cpu::try_batch_norm(y, &affine, Tail::NONE).unwrap();
    let y = Cpu::try_conv2d(y, &more, window(3, 2, 1), 1).unwrap();
    let y: Traced<(usize, usize)> = y.reshape_like(&(37, 216));
    let y = Cpu::try_linear(y, &weight, None, true).unwrap();
    let mut found = y.as_vec();
    let gradients = y.square().mean::<Rank0, _>().backward();
    found.extend(gradients.get(&x).as_vec());
    found.extend(gradients.get(&kernels).as_vec());
    found.extend(gradients.get(&more).as_vec());
    found.extend(gradients.get(&weight).as_vec());
    found.extend(gradients.get(&affine.scale).as_vec());
    found.extend(moments.variance.as_vec());
    found.into_iter().map(f32::to_bits).collect()
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(network)
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert!(on(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_large_mean_does_not_spoil_the_variance() {
    for (batch, side) in [(16, 9), (2, 224)] {
        let dev = Cpu::default();
        let spread = |t: Image<f32, Cpu>| t * 0.01 + 1000.03;
        let x = spread(numbers(&dev, (batch, 2, side, side), 1));
        let values = x.as_vec();
        let affine = Affine {
            scale: dev.ones_like(&(2,)),
            bias: dev.zeros_like(&(2,)),
            epsilon: 1e-12,
        };
        let (_, moments) = Cpu::try_batch_norm(x, &affine, Tail::NONE).unwrap();
        for (channel, found) in moments.variance.as_vec().into_iter().enumerate() {
            let of_channel = || {
                let planes = values.chunks_exact(side * side).skip(channel).step_by(2);
                planes.flatten().map(|x| f64::from(*x))
            };
            let count = of_channel().count() as f64;
            let mean = of_channel().sum::<f64>() / count;
            let variance = of_channel().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            let off = f64::from(found) / variance - 1.0;
            assert!(off.abs() < 1e-3, "{side}: {found} {variance}");
        }
    }
}

#[test]
fn what_is_given_takes_no_part_in_the_gradient() {
    let dev = Cpu::default();
    let x: Tensor<(usize, usize), f32, _> =
        dev.tensor_from_vec(vec![f32::NEG_INFINITY, 2.0], (1, 2));
    let bias = dev.zeros_like(&(2,));
    let y = Cpu::try_bias(x.leaky_trace(), &bias, true).unwrap();
    let gradients = y.sum::<Rank0, _>().backward();
    assert_eq!(gradients.get(&x).as_vec(), [0.0, 1.0]);
}

#[test]
fn a_batch_of_nothing_gives_nothing() {
    let dims = Dims::new(&[0, 2, 3, 3]).unwrap();
    let nothing = Incoming {
        gradient: &[],
        cut: Cut::Nowhere,
    };
    let sums = channel_sums::<f32>(dims, &[], &[0.0; 2], nothing, None);
    assert_eq!(sums, [[0.0; 2]; 2]);
    let dev = Cpu::default();
    let x: Image<f32, Cpu> = dev.tensor_from_vec(Vec::new(), (0, 2, 3, 3));
    let y = Cpu::try_bias(x, &dev.zeros_like(&(2,)), true).unwrap();
    assert_eq!(y.shape().0, 0);
}
