//! What every implementation of [`Layers`] must hold to: results as plain loops over `f64` have them,
//! gradients as finite differences of those loops have them, however dfdx keeps the gradients; and
//! errors where sizes do not fit. Written for any device and type of elements ([`battery`]).

mod cases;
mod gradients;
mod misfits;
mod naive;
mod numbers;
mod operations;
mod ties;

pub(in crate::device) use cases::{
    batch_norm, bias, convolution, convolution_batch_norm, linear, normalize, pools,
    strided_inputs, subsample,
};
pub(in crate::device) use misfits::misfits;
pub(in crate::device) use ties::{nan_is_the_largest, ties};

/// A test for each part of the battery: `battery!(Device, Element)`.
macro_rules! battery {
    ($device:ty, $element:ty) => {
        $crate::device::layers::checks::battery! { $device, $element:
            convolution, convolution_batch_norm, batch_norm, normalize, bias, pools, linear,
            subsample, strided_inputs, ties, nan_is_the_largest, misfits
        }
    };
    ($device:ty, $element:ty: $($check:ident),*) => {$(
        #[test]
        fn $check() {
            $crate::device::layers::checks::$check::<$element, $device>();
        }
    )*};
}
pub(in crate::device) use battery;
