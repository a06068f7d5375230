//! No share can be taken of a value of the batch.
//!
//! With `ascent` the clean pass runs on the first samples of the batch, and its loss must see these samples only. The loss uses this value,
//! which was bound in the loop and so may belong to the samples, but the macro does not know how to cut it.
//!
//! Mended: take tensors out of it before the forward pass. If it does not belong to the samples,
//! list what does: `split = [x]`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

use std::collections::HashMap;

#[sam_train(rho = 0.05, ascent = 0.5)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, HashMap<u8, Y>)>) {
    let mut grads = model.alloc_grads();
    for (x, targets) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, targets[&0].clone());
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
