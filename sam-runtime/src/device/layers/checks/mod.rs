//! What every implementation of [`Layers`] must hold to: results as plain loops over `f64` have them,
//! gradients as finite differences of those loops have them, however dfdx keeps the gradients; and
//! errors where sizes do not fit. Written for any implementation, so that the composed operations, the
//! host's kernels and a GPU's pass the same tests ([`battery`]).

mod cases;
mod gradients;
mod implementation;
mod misfits;
mod naive;
mod numbers;
mod operations;
mod ties;

pub(in crate::device) use cases::{
    batch_norm, bias, convolution, convolution_batch_norm, linear, normalize, pools, strided_inputs,
};
pub(in crate::device) use implementation::{Implementation, Own};
pub(in crate::device) use misfits::misfits;
pub(in crate::device) use ties::{nan_is_the_largest, ties};

/// A test for each part of the battery: `battery!(Implementation, Element)`.
macro_rules! battery {
    ($implementation:ty, $element:ty) => {
        $crate::device::layers::checks::battery! { $implementation, $element:
            convolution, convolution_batch_norm, batch_norm, normalize, bias, pools, linear,
            strided_inputs, ties, nan_is_the_largest, misfits
        }
    };
    ($implementation:ty, $element:ty: $($check:ident),*) => {$(
        #[test]
        fn $check() {
            $crate::device::layers::checks::$check::<$element, $implementation>();
        }
    )*};
}
pub(in crate::device) use battery;
