//! The layers' operations on an NVIDIA GPU: the kernels of `layers.cu`, and cuBLAS, wired to dfdx's tape.

mod conv;
mod fit;
mod launch;
mod linear;
mod norm;
mod pool;
mod product;

pub(super) use fit::fits;

use dfdx::{
    shapes::Shape,
    tensor::{Cuda, CudaError, Tensor},
};

use crate::device::{
    Affine, Channels, Image, LayerTape, Layers, Normalized, Pool, Rows, Tail, Window,
};

macro_rules! layers {
    ($($element:ty),*) => {$(
        impl Layers<$element> for Cuda {
            fn try_conv2d<T: LayerTape<$element, Self>>(
                x: Image<$element, Self, T>,
                weight: &Image<$element, Self>,
                window: Window,
                groups: usize,
            ) -> Result<Image<$element, Self, T>, CudaError> {
                conv::conv2d(x, weight, window, groups)
            }

            fn try_batch_norm<S: Shape, T: LayerTape<$element, Self>>(
                x: Tensor<S, $element, Self, T>,
                affine: &Affine<$element, Self>,
                tail: Tail<Tensor<S, $element, Self, T>>,
            ) -> Normalized<Tensor<S, $element, Self, T>, $element, Self> {
                norm::batch_norm(x, affine, tail)
            }

            fn try_normalize<S: Shape, T: LayerTape<$element, Self>>(
                x: Tensor<S, $element, Self, T>,
                affine: &Affine<$element, Self>,
                mean: &Channels<$element, Self>,
                variance: &Channels<$element, Self>,
                tail: Tail<Tensor<S, $element, Self, T>>,
            ) -> Result<Tensor<S, $element, Self, T>, CudaError> {
                norm::normalize(x, affine, mean, variance, tail)
            }

            fn try_bias<S: Shape, T: LayerTape<$element, Self>>(
                x: Tensor<S, $element, Self, T>,
                bias: &Channels<$element, Self>,
                relu: bool,
            ) -> Result<Tensor<S, $element, Self, T>, CudaError> {
                norm::bias(x, bias, relu)
            }

            fn try_pool2d<T: LayerTape<$element, Self>>(
                x: Image<$element, Self, T>,
                pool: Pool,
                window: Window,
            ) -> Result<Image<$element, Self, T>, CudaError> {
                pool::pool2d(x, pool, window)
            }

            fn try_global_avg_pool<T: LayerTape<$element, Self>>(
                x: Image<$element, Self, T>,
            ) -> Result<Rows<$element, Self, T>, CudaError> {
                pool::global_avg_pool(x)
            }

            fn try_subsample<T: LayerTape<$element, Self>>(
                x: Image<$element, Self, T>,
                stride: usize,
                outputs: usize,
                before: usize,
            ) -> Result<Image<$element, Self, T>, CudaError> {
                pool::subsample(x, stride, outputs, before)
            }

            fn try_linear<T: LayerTape<$element, Self>>(
                x: Rows<$element, Self, T>,
                weight: &Rows<$element, Self>,
                bias: Option<&Channels<$element, Self>>,
                relu: bool,
            ) -> Result<Rows<$element, Self, T>, CudaError> {
                linear::linear(x, weight, bias, relu)
            }
        }
    )*};
}

layers!(f32, f64);

/// These need a GPU.
#[cfg(all(test, not(feature = "ci-check")))]
mod tests {
    use dfdx::prelude::*;

    use super::*;
    use crate::device::layers::checks::battery;

    mod of_f64 {
        use super::*;
        battery!(Cuda, f64);
    }

    mod of_f32 {
        use super::*;
        battery!(Cuda, f32);
    }

    fn numbers<D: TensorFromVec<f32>, S: Shape>(dev: &D, shape: S) -> Tensor<S, f32, D> {
        let number = |i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0;
        let count = shape.num_elements();
        dev.tensor_from_vec((0..count).map(number).collect(), shape)
    }

    /// More images than are done at one time, in groups.
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
}
