//! What the loss uses may change before the second pass, and can't be kept.
//!
//! Both passes must see the same values. What the loss uses is cloned as it runs, so that a statement between
//! the forward pass and `backward` may change it. This one is not `Clone`, and such a statement calls a method
//! on it, which may change it behind a shared reference, as a `Cell` does.
//!
//! Mended: make it `Clone`, or take what the loss needs of it in a statement before the forward pass.

use std::cell::Cell;

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Schedule {
    weight: Cell<f32>,
}

impl Schedule {
    fn weight(&self) -> f32 {
        self.weight.get()
    }

    fn step(&self) {
        self.weight.set(0.9 * self.weight.get());
    }
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>, schedule: &Schedule) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y) * schedule.weight();
        schedule.step();
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
