//! The layers' operations on an NVIDIA GPU: the kernels of `kernels/layers.cu`, and cuBLAS, wired to dfdx's tape.

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
    use super::*;
    use crate::device::layers::checks::{Own, battery};

    mod of_f64 {
        use super::*;
        battery!(Own<Cuda>, f64);
    }

    mod of_f32 {
        use super::*;
        battery!(Own<Cuda>, f32);
    }
}
