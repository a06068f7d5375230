//! The step trains two models.
//!
//! The neighbourhood is a ball around all weights together: its radius is shared among them. For
//! two models it is not said whether they share one ball or have one each.
//!
//! Mended: put both into one module, a tuple for example, for one ball. To perturb only one of
//! them, name it with `model`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Code = modules::Linear<4, 4, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(
    encoder: &mut Code,
    decoder: &mut Net,
    opts: (&mut Sgd<Code, f32, Cpu>, &mut Sgd<Net, f32, Cpu>),
    data: Vec<(X, Y)>,
) {
    let mut grads = Gradients::leaky();
    for (x, y) in data {
        let code = encoder.forward_mut(x.traced(grads));
        grads = mse_loss(decoder.forward_mut(code), y).backward();
        opts.0.update(encoder, &grads).unwrap();
        opts.1.update(decoder, &grads).unwrap();
    }
}

fn main() {}
