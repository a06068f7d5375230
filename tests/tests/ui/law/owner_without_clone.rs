//! A method runs the model of an owner that is not `Clone`.
//!
//! Entry: none, for `law` shows it, and the form that it takes as `owner_without_clone_mended`.

#[path = "../../law/common_f64.rs"]
mod common;

use common::*;
use sam_runtime::sam_train;

struct Trainer {
    net: Net,
    opt: Opt,
}
impl Trainer {
    fn forward(&self, x: Traced) -> Logits {
        self.net.forward(x)
    }

    #[sam_train(rho = 0.05)]
    fn step(&mut self, x: &X, y: &Y) -> f64 {
        let logits = self.forward(x.trace(self.net.alloc_grads()));
        let loss = mse_loss(logits, y.clone());
        let value = loss.array();
        let grads = loss.backward();
        self.opt.update(&mut self.net, &grads).unwrap();
        value
    }
}

fn main() {}
