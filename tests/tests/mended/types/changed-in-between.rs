//! `changed-in-between`, mended.

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
        let weight = schedule.weight();
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y) * weight;
        schedule.step();
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
