//! What one optimizer is: its numbers, its buffers, and how one parameter is updated.

use std::fmt::Debug;

use dfdx::{
    optim::{SgdConfig, WeightDecay},
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use crate::doors::buffer::Buffer;

/// The rule of an optimizer, implemented by its configuration.
/// [`BaseOptimizer`](super::BaseOptimizer) makes an optimizer of it, whose state can be saved.
pub trait Rule: Copy + Debug {
    /// Its name in states and configuration files.
    const KIND: &'static str;

    /// The buffers that it keeps for each parameter, in its shape, in PyTorch's words.
    const BUFFERS: &'static [&'static str];

    /// Whether this configuration uses that one of [`BUFFERS`](Self::BUFFERS).
    fn uses(&self, _buffer: usize) -> bool {
        true
    }

    /// Whether some configurations do without that buffer. Where one that uses it takes on the state of one
    /// that did not, the buffer begins at zero.
    fn is_optional(_buffer: usize) -> bool {
        false
    }

    /// Whether that buffer is full of ones before the first update; of zeros if not.
    fn starts_at_one(_buffer: usize) -> bool {
        false
    }

    /// The update of dfdx's own optimizer that is the same, and keeps nothing, where there is one.
    fn stateless(&self) -> Option<SgdConfig> {
        None
    }

    /// The learning rate.
    fn lr(&self) -> f64;

    /// Sets the learning rate.
    fn set_lr(&mut self, lr: f64);

    /// Sets the weight decay, of the kind that the configuration has; 0 is none.
    fn set_weight_decay(&mut self, weight_decay: f64);

    /// Updates one parameter with its gradient. `step` counts updates from 1; `buffers` are as
    /// [`BUFFERS`](Self::BUFFERS) names them.
    ///
    /// # Errors
    /// The device's.
    fn update<S: Shape, E: Dtype, D: Device<E>>(
        &self,
        step: u64,
        parameter: &mut Tensor<S, E, D>,
        buffers: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err>;
}

/// `amount` in the kind of `present`; L2 where there is none yet.
pub(super) fn decay_like(present: Option<WeightDecay>, amount: f64) -> Option<WeightDecay> {
    let kind = match present {
        Some(WeightDecay::Decoupled(_)) => WeightDecay::Decoupled,
        Some(WeightDecay::L2(_)) | None => WeightDecay::L2,
    };
    (amount != 0.0).then(|| kind(amount))
}

/// Adam's kernels count in `i32`. Beyond it, bias corrections have long been 1.
pub(super) fn kernel_step(step: u64) -> i32 {
    i32::try_from(step).unwrap_or(i32::MAX)
}
