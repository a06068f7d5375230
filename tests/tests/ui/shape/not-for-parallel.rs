//! With `parallel`, a statement of the forward pass or the loss does what several threads can't.
//!
//! Each statement of the forward pass and the loss runs for all chunks at once, on threads of their own, before the next
//! statement of the loop. From there nothing can leave the loop, change a variable outside, or draw from a device that
//! is not the chunk's; what it uses must be what threads can share (`Sync`), and on the CPU. All other statements run
//! where they stand, on the loop's thread, and may do what they like.
//!
//! Mended: call what panics instead of a `?`, and leave to other statements what is not of the forward pass or the loss. Or leave
//! `parallel` out: the numbers are the same, to the bit.

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
        let logits = model.try_forward_mut(x.traced(grads))?;
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
    Ok(())
}

fn main() {}
