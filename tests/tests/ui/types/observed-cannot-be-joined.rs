//! With `m`, a value of the chunks is read as one of the batch.
//!
//! This value is computed for each chunk, and the statement that reads it runs once for the batch. Numbers and
//! scalar tensors are averaged for it, and tensors of `m` rows put together; what is not of this kind has no
//! value for the batch.
//!
//! Mended: compute a number: its mean over the chunks is then read.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let is_sure = logits.array()[0][0] > 0.5;
        let loss = cross_entropy_with_logits_loss(logits, y) * f32::from(u8::from(is_sure));
        println!("{is_sure}");
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
