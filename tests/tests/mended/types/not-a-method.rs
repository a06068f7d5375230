//! `not-a-method`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    sam_train,
    step::methods::{Algebra, Method, Moment, Next, Perturbation, Vector},
};

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[derive(Debug)]
struct Uphill;

impl Method for Uphill {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let norm = algebra.gradient_norm();
        Next::Last(Perturbation::dual_to(
            Vector::Gradient,
            norm,
            moment.ball.rho,
        ))
    }
}

#[sam_train(rho = 0.05, method = Uphill)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
