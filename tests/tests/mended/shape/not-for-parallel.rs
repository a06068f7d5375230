//! `not-for-parallel`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4, parallel = true)]
fn train(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    data: Vec<(X, Y)>,
) -> Result<(), <Cpu as HasErr>::Err> {
    for (x, y) in data {
        let grads = model.alloc_grads();
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
    Ok(())
}

fn main() {}
