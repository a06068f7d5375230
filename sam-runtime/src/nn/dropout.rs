//! Dropout whose rate stands in the type.

use dfdx::{
    nn::{Module, ModuleMut, ZeroSizedModule},
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{Tape, Tensor},
};

use super::{
    applied,
    shape_bounds::{Evaluation, Training},
};
use crate::device::LayerTape;

/// Dropout (Srivastava et al. [2014](https://jmlr.org/papers/v15/srivastava14a.html)) of `PERCENT` numbers in a
/// hundred: `forward_mut` sets so many to zero and divides the others by `1 - PERCENT / 100`, `forward` gives what it
/// was given. Any shape.
///
/// PyTorch's `Dropout(0.1)` is `DropoutPercent<10>`. Both passes of a SAM step drop the same numbers. 100 % don't
/// compile.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::{DropoutPercent, Linear}};
///
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<(Linear<4, 100>, DropoutPercent<20>), f32>();
/// let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
/// let y = net.forward_mut(x.trace(net.alloc_grads()));
/// let zeros = y.as_vec().into_iter().filter(|y| *y == 0.0).count();
/// assert!((100..220).contains(&zeros));
/// assert!(net.forward(x).as_vec().iter().all(|y| *y != 0.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropoutPercent<const PERCENT: usize>;

/// The share that so many percent are.
pub(super) struct Share<const PERCENT: usize>;

impl<const PERCENT: usize> Share<PERCENT> {
    pub(super) const RATE: f64 = {
        assert!(
            PERCENT < 100,
            "dropout of 100 % leaves nothing: the rate is in percent, below 100"
        );
        PERCENT as f64 / 100.0
    };
}

/// `x` with this share of its numbers dropped.
pub(super) fn drop_some<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    rate: f64,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    match rate {
        0.0 => Ok(x),
        rate => x.try_dropout(rate),
    }
}

impl<const PERCENT: usize> ZeroSizedModule for DropoutPercent<PERCENT> {}

impl<const PERCENT: usize, S: Shape, E: Dtype, D: Device<E>, T: LayerTape<E, D>>
    Module<Tensor<S, E, D, T>> for DropoutPercent<PERCENT>
where
    T: Evaluation<Self>,
{
    type Output = Tensor<S, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<S, E, D, T>) -> Result<Self::Output, D::Err> {
        applied::without_tensors("Dropout", &x);
        Ok(x)
    }
}

impl<const PERCENT: usize, S: Shape, E: Dtype, D: Device<E>, T: LayerTape<E, D>>
    ModuleMut<Tensor<S, E, D, T>> for DropoutPercent<PERCENT>
where
    T: Training<E, D, Self>,
{
    type Output = Tensor<S, E, D, T>;
    type Error = D::Err;

    fn try_forward_mut(&mut self, x: Tensor<S, E, D, T>) -> Result<Self::Output, D::Err> {
        drop_some(x, Share::<PERCENT>::RATE)
    }
}
