//! `run-that-is-a-result`, mended.

use dfdx::prelude::*;
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, RunError},
};

type Net = Built<Linear<4, 3>>;
type Opt = AnyOptimizer<Net, f32, Cpu>;

fn epochs(config: &RunConfig, model: &mut Net, opt: &mut Opt) -> Result<usize, RunError> {
    let mut epochs = 0;
    let mut run = Run::start(config, config, model, opt)?;
    while run.next_epoch(10).is_some() {
        epochs += 1;
    }
    Ok(epochs)
}

fn main() {}
