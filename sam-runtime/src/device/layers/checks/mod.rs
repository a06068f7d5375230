//! What every implementation of an operation must hold to: results as plain loops over `f64` have them,
//! gradients as finite differences of those loops have them, however dfdx keeps the gradients; and
//! errors where sizes do not fit. The loops and the cases are in the `checks` of each operation.
//!
//! | | |
//! |---|---|
//! | `gradients` | an operation against its loops |
//! | `numbers` | random tensors, in order and otherwise |
//! | `assert` | how close numbers must be, and what is refused |
//! | `naive` | what several operations' loops are made of |

mod assert;
mod gradients;
mod naive;
mod numbers;

pub(in crate::device) use assert::{assert_close, of_gradient, of_result, refused};
pub(in crate::device) use gradients::{Operation, Ranked, check, check_shared, flat};
pub(in crate::device) use naive::{by_channel, pairs, pixel, relu, three};
pub(in crate::device) use numbers::{Numbers, by_pixels, strided_images, tensor, values};

/// Image, or weight: the shape.
pub(in crate::device) type Four = (usize, usize, usize, usize);
/// Rows: the shape.
pub(in crate::device) type Two = (usize, usize);

/// Makes tests of these functions, which are generic over the type of elements and the device:
/// for `f32` and `f64`, on the CPU and, with the feature `cuda`, on a GPU.
macro_rules! on_every_device {
    ($($check:ident),* $(,)?) => {
        mod cpu {
            $crate::device::layers::checks::on_every_device! { dfdx::tensor::Cpu: $($check),* }
        }

        #[cfg(all(feature = "cuda", not(feature = "ci-check")))]
        mod cuda {
            $crate::device::layers::checks::on_every_device! { dfdx::tensor::Cuda: $($check),* }
        }
    };
    ($device:ty: $($check:ident),*) => {
        mod of_f32 {$(
            #[test]
            fn $check() {
                super::super::$check::<f32, $device>();
            }
        )*}

        mod of_f64 {$(
            #[test]
            fn $check() {
                super::super::$check::<f64, $device>();
            }
        )*}
    };
}
pub(in crate::device) use on_every_device;
