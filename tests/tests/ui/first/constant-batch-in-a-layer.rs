//! A layer of one's own is written for one batch size, and gets another.
//!
//! Mended: write it for every batch size, `B: Dim`: under `m`, and for the last samples, batches are smaller.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

#[derive(Clone, Copy, Debug, Default)]
struct Halve;

impl ZeroSizedModule for Halve {}
impl NonMutableModule for Halve {}

type Rows<B, T> = Tensor<(B, Const<10>), f32, Cpu, T>;

impl<T: Tape<f32, Cpu>> Module<Rows<Const<32>, T>> for Halve {
    type Output = Rows<Const<32>, T>;
    type Error = <Cpu as HasErr>::Err;

    fn try_forward(&self, x: Rows<Const<32>, T>) -> Result<Rows<Const<32>, T>, Self::Error> {
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
