//! A part of the step is inside a macro, a nested item or an `async` block.
//!
//! The forward pass, `backward` and `update` must be seen: there the attribute records, runs again, and
//! finds the model. What a macro makes of its arguments is not known to another macro; a nested function
//! is a function of its own; an `async` block runs when somebody waits for it.
//!
//! Closures are read: `time(|| loss.backward())`.
//!
//! Mended: write it in the function itself, or in a closure that is called there. Where all of the step is
//! in a nested function, put the attribute on that one.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

macro_rules! timed {
    ($work:expr) => {{
        let start = std::time::Instant::now();
        let done = $work;
        println!("{:?}", start.elapsed());
        done
    }};
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = timed!(loss.backward());
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
