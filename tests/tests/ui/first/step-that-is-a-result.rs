//! A `Run` is not asked whether its step has failed.
//!
//! Mended: `run.step(..)?` is whether the run goes on; before the `?` it is a `Result`, for a step may write a checkpoint.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{optim::AnyOptimizer, prelude::*, run::Run};

type Net = Built<Linear<784, 10>>;
type Digits = DataLoader<Images<Rank1<784>, 10>, 32>;

#[sam_train(rho = run.rho())]
fn train(
    run: &mut Run<Net>,
    model: &mut Net,
    opt: &mut AnyOptimizer<Net, f32, Cpu>,
    loader: &Digits,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for (x, y) in run.limit(loader.epoch(&Cpu::default(), from)) {
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            run.saw(loss.array(), 32);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(model, opt) {
                break;
            }
        }
        run.end_epoch(model, opt, &[])?;
    }
    Ok(())
}

fn main() {}
