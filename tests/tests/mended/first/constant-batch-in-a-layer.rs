//! `constant-batch-in-a-layer`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

#[derive(Clone, Copy, Debug, Default)]
struct Halve;

impl ZeroSizedModule for Halve {}
impl NonMutableModule for Halve {}

type Rows<B, T> = Tensor<(B, Const<10>), f32, Cpu, T>;

impl<B: Dim, T: Tape<f32, Cpu>> Module<Rows<B, T>> for Halve {
    type Output = Rows<B, T>;
    type Error = <Cpu as HasErr>::Err;

    fn try_forward(&self, x: Rows<B, T>) -> Result<Rows<B, T>, Self::Error> {
        x.try_mul(0.5)
    }
}

type Mlp = (Linear<784, 10>, Halve);
type Net = Built<Mlp>;
type Digits = DataLoader<Images<Rank1<784>, 10>, 32>;

#[sam_train(rho = 0.05, m = 8)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, loader: &Digits, dev: &Cpu) {
    let mut grads = model.alloc_grads();
    for (x, y) in loader.epoch(dev, 0) {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

fn main() {}
