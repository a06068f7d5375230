//! RMSprop, with momentum, centring and weight decay.

use dfdx::{
    optim::RMSpropConfig,
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use super::{
    BaseOptimizer,
    rule::{Rule, decay_like},
};
use crate::doors::buffer::Buffer;

/// RMSprop (Tieleman & Hinton, 2012); dfdx's [`RMSprop`](dfdx::optim::RMSprop), bit by bit. As in TensorFlow
/// and timm's `RMSpropTF`, and unlike PyTorch's, the average of squares starts at 1 and `eps` stands
/// under the root. With gradient `g` (plus `wd · p` with L2 decay):
///
/// `s = α s + (1 - α) g²`, `d = g / √(s + eps)`, then `p -= lr d`; with momentum `u`, `b = u b + d` and
/// `p -= lr b`; centred, `a = α a + (1 - α) g` and the root is of `s - a² + eps`; and `p -= lr wd p` more with
/// decoupled decay.
///
/// Its state is `square_avg.*` (`s`), and `momentum_buffer.*` (`b`) and `grad_avg.*` (`a`) where they are used.
pub type RMSprop<M, E, D> = BaseOptimizer<RMSpropConfig, M, E, D>;

const MOMENTUM: usize = 0;
const SQUARES: usize = 1;
const AVERAGE: usize = 2;

impl Rule for RMSpropConfig {
    const KIND: &'static str = "rmsprop";
    const BUFFERS: &'static [&'static str] = &["momentum_buffer", "square_avg", "grad_avg"];

    fn uses(&self, buffer: usize) -> bool {
        match buffer {
            MOMENTUM => self.momentum.is_some(),
            AVERAGE => self.centered,
            _ => true,
        }
    }

    fn is_optional(buffer: usize) -> bool {
        matches!(buffer, MOMENTUM | AVERAGE)
    }

    fn starts_at_one(buffer: usize) -> bool {
        buffer == SQUARES
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn set_weight_decay(&mut self, weight_decay: f64) {
        self.weight_decay = decay_like(self.weight_decay, weight_decay);
    }

    fn update<S: Shape, E: Dtype, D: Device<E>>(
        &self,
        _: u64,
        parameter: &mut Tensor<S, E, D>,
        buffers: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let [momentum, squares, average] = buffers else {
            unreachable!("as many buffers as have names")
        };
        self.try_update(parameter, momentum, squares, average, gradient)
    }
}
