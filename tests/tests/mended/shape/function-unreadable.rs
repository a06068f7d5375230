//! `function-unreadable`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

trait Train {
    fn train(&mut self, data: Vec<(X, Y)>);
}

struct Trainer {
    model: Net,
    opt: Sgd<Net, f32, Cpu>,
}

impl Train for Trainer {
    #[sam_train(rho = 0.05)]
    fn train(&mut self, data: Vec<(X, Y)>) {
        let mut grads = self.model.alloc_grads();
        for (x, y) in data {
            let logits = self.model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
            self.opt.update(&mut self.model, &grads).unwrap();
        }
    }
}

fn main() {}
