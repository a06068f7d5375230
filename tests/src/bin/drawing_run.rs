//! A whole run without a loader, for `tests/resume.rs` to kill and to go on with: `drawing_run OUT OPTIMIZER [stop]`.
//! Everything random comes from one device: initial weights, inputs, dropout masks, numbers of 32 and 64 bits.
//! It ends with one line: a checksum of the weights and of what the device would draw next.

use std::{error::Error, hash::Hasher};

use dfdx::{optim::Optimizer, prelude::*};
use rand::distributions::{Bernoulli, Uniform};
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, checkpoint::module_state},
};

const B: usize = 8;
const BATCHES: usize = 16;

type Net = (Linear<6, 12>, ReLU, DropoutOneIn<2>, Linear<12, 2>);
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;

#[sam_train(rho = 0.1, m = 4)]
fn train(
    run: &mut Run<Built>,
    model: &mut Built,
    opt: &mut AnyOptimizer<Built, f32, Cpu>,
    dev: &Cpu,
) -> Result<(), Box<dyn Error>> {
    // Before the loop: once in each process.
    let teacher: Tensor<Rank2<6, 2>, f32, _> = dev.sample_normal();
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(BATCHES) {
        for _ in from.batch..BATCHES {
            let x: Tensor<Rank2<B, 6>, f32, _> = dev.sample_normal();
            let noise: Tensor<Rank2<B, 6>, f32, _> = dev.sample(Uniform::new(0.0, 0.1));
            // An odd number of words.
            let _: Tensor<Rank1<3>, u32, _> = dev.sample(Uniform::new(0, 9));
            let _: Tensor<Rank1<2>, bool, _> = dev.sample(Bernoulli::new(0.25)?);
            let y = x.clone().matmul(teacher.clone());
            let x = x + noise;
            let out = model.forward_mut(x.traced(grads));
            let loss = mse_loss(out, y);
            run.saw(loss.array(), B);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(model, opt)? {
                break;
            }
        }
        run.end_epoch(model, opt, &[])?;
    }
    Ok(())
}

fn config(out: &str, optimizer: &str) -> Result<RunConfig, Box<dyn Error>> {
    let text = format!(
        r#"
        out = {out:?}
        epochs = 6
        seed = 5
        resume = true
        lr = 0.01
        rho = 0.1
        checkpoints = {{ every = 3, keep = 2 }}
        log = {{ every = 3, progress = false }}
        optimizer = {{ kind = {optimizer:?} }}
        "#
    );
    Ok(toml::from_str(&text)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, out, optimizer, stop @ ..] = &*arguments else {
        return Err("usage: drawing_run OUT OPTIMIZER [stop]".into());
    };
    let mut config = config(out, optimizer)?;
    // After each step, with a checkpoint.
    config.minutes = (!stop.is_empty()).then_some(1e-9);
    let dev = Cpu::seed_from_u64(config.seed);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(&config, &config, &mut model, &mut opt)?;
    train(&mut run, &mut model, &mut opt, &dev)?;
    run.finish()?;
    let mut hasher = std::hash::DefaultHasher::new();
    for (name, tensor) in &module_state(&model)?.tensors {
        hasher.write(name.as_bytes());
        hasher.write(&tensor.bytes);
    }
    hasher.write_u64(dev.random_u64());
    println!("{:016x}", hasher.finish());
    Ok(())
}
