//! A field of a generic type that may not be `Clone`.
//!
//! Entry: not-a-model

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Traced<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;

struct Trainer<M> {
    model: M,
    opt: Sgd<M, f32, Cpu>,
}

impl<M: TensorCollection<f32, Cpu>> Trainer<M> {
    #[sam_train(rho = 0.05)]
    fn train(&mut self, loss: fn(&M, Traced<Rank2<8, 4>>, Y) -> Traced<Rank0>, data: Vec<(X, Y)>) {
        for (x, y) in data {
            let loss = loss(&self.model, x.traced(self.model.alloc_grads()), y);
            let grads = loss.backward();
            self.opt.update(&mut self.model, &grads).unwrap();
        }
    }
}

fn main() {}
