//! A method of what holds the model runs it, and what holds it is not `Clone`.
//!
//! The second run needs the perturbed model where the method looks for it: in its owner. A copy of the owner
//! gets it, as the owner itself is not to change.
//!
//! Mended: derive `Clone` for it, or run the model by its own name, as in `self.net.forward(x)`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Trainer {
    net: Net,
    opt: Sgd<Net, f32, Cpu>,
}

impl Trainer {
    fn forward<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<Rank2<8, 4>, f32, Cpu, T>,
    ) -> Tensor<Rank2<8, 3>, f32, Cpu, T>
    where
        Net: Module<Tensor<Rank2<8, 4>, f32, Cpu, T>, Output = Tensor<Rank2<8, 3>, f32, Cpu, T>>,
    {
        self.net.forward(x)
    }

    #[sam_train(rho = 0.05)]
    fn train(&mut self, data: Vec<(X, Y)>) {
        let mut grads = self.net.alloc_grads();
        for (x, y) in data {
            let logits = self.forward(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
        }
    }
}

fn main() {}
