//! Sizes that the checks of each operation don't reach. These need a GPU.

use dfdx::prelude::*;

use crate::device::{Affine, Image, Layers, Tail, Window};

fn numbers<D: TensorFromVec<f32>, S: Shape>(dev: &D, shape: S) -> Tensor<S, f32, D> {
    let number = |i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0;
    let count = shape.num_elements();
    dev.tensor_from_vec((0..count).map(number).collect(), shape)
}

/// More images than are done at one time in a test, in groups: parts of two images and of one.
#[test]
fn a_large_convolution_is_the_hosts() {
    fn run<D: Layers<f32>>() -> Vec<f32> {
        let dev = D::default();
        let x: Image<f32, D> = numbers(&dev, (3, 8, 40, 36));
        let weight: Image<f32, D> = numbers(&dev, (6, 4, 3, 3));
        let window = Window {
            padding: 1,
            ..Window::new(3)
        };
        let y = D::try_conv2d(x.leaky_trace(), &weight, window, 2);
        let y = y.map_err(|e| e.to_string()).unwrap();
        let values = y.as_vec();
        let gradients = y.square().mean::<Rank0, _>().backward();
        let [d_x, d_weight] = [gradients.get(&x), gradients.get(&weight)].map(|d| d.as_vec());
        [values, d_x, d_weight].concat()
    }
    for (a, b) in run::<Cuda>().iter().zip(run::<Cpu>()) {
        assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn a_large_convolution_and_its_normalization_are_the_hosts() {
    fn run<D: Layers<f32>>() -> Vec<f32> {
        let dev = D::default();
        let x: Image<f32, D> = numbers(&dev, (3, 8, 40, 36));
        let weight: Image<f32, D> = numbers(&dev, (6, 4, 3, 3));
        let affine = Affine {
            scale: numbers(&dev, (6,)),
            bias: numbers(&dev, (6,)),
            epsilon: 1e-5,
        };
        let window = Window {
            padding: 1,
            ..Window::new(3)
        };
        let (x_traced, tail) = (x.leaky_trace(), Tail::RELU);
        let y = D::try_conv2d_batch_norm(x_traced, &weight, window, 2, &affine, tail);
        let (y, moments) = y.map_err(|e| e.to_string()).unwrap();
        let values = [y.as_vec(), moments.mean.as_vec(), moments.variance.as_vec()].concat();
        let gradients = (y.square() * 0.01).sum::<Rank0, _>().backward();
        let of_images = [gradients.get(&x), gradients.get(&weight)].map(|d| d.as_vec());
        let of_channels = [&affine.scale, &affine.bias].map(|p| gradients.get(p).as_vec());
        [values, of_images.concat(), of_channels.concat()].concat()
    }
    for (a, b) in run::<Cuda>().iter().zip(run::<Cpu>()) {
        assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{a} {b}");
    }
}
