//! A whole run whose steps climb as its configuration says, for `tests/resume.rs` and `tests/method_runs.rs` to cut
//! off and to go on with: `method_run OUT CHANGES`. Chunks, dropout and running statistics are there to tell two runs
//! apart. It ends with one line: a checksum of all that its last checkpoint has of tensors.

use std::{error::Error, hash::Hasher};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, checkpoint::CheckpointStore, stop::Stop},
};

const B: usize = 8;
const BATCHES: usize = 16;

type Net = (
    (Linear<6, 12>, BatchNorm1D<12>, ReLU, DropoutOneIn<4>),
    Linear<12, 2>,
);
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;

fn train(
    run: &mut Run<Built>,
    model: &mut Built,
    opt: &mut AnyOptimizer<Built, f32, Cpu>,
    dev: &Cpu,
) -> Result<(), Box<dyn Error>> {
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(BATCHES) {
        for _ in from.batch..BATCHES {
            opt.set_lr(run.lr());
            let x: Tensor<Rank2<B, 6>, f32, _> = dev.sample_normal();
            let y = x.clone().slice((.., ..2)).realize::<Rank2<B, 2>>();
            let sam = Sam::new(run.rho()).method(run.method()).on(run.on());
            let step = sam.chunked::<4>();
            grads = step.step(model, (x, y), grads, |model, (x, y), grads| {
                mse_loss(model.forward_mut(x.traced(grads)), y)
            })?;
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

fn config(out: &str, changes: &[String]) -> Result<RunConfig, Box<dyn Error>> {
    let text = format!(
        r#"
        out = {out:?}
        epochs = 4
        seed = 5
        resume = true
        rho = 0.1
        checkpoints = {{ every = 3, keep = 2 }}
        log = {{ every = 3, progress = false }}
        optimizer = {{ kind = "sgd", lr = 0.05, momentum = 0.9 }}
        "#
    );
    let mut table: toml::Table = toml::from_str(&text)?;
    for change in changes {
        table.extend(toml::from_str::<toml::Table>(change)?);
    }
    Ok(table.try_into()?)
}

fn main() -> Result<Stop, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, out, changes @ ..] = &*arguments else {
        return Err("usage: method_run OUT CHANGES".into());
    };
    let config = config(out, changes)?;
    let dev = Cpu::seed_from_u64(config.seed);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(&config, &config, &mut model, &mut opt)?;
    train(&mut run, &mut model, &mut opt, &dev)?;
    let stop = run.finish()?;
    println!("{:016x}", checksum(&config)?);
    Ok(stop)
}

/// Of all tensors of the last checkpoint: model, optimizer, what the method keeps.
fn checksum(config: &RunConfig) -> Result<u64, Box<dyn Error>> {
    let store = CheckpointStore::open(config.out.join("checkpoints"))?;
    let last = store.latest()?.ok_or("no checkpoint")?;
    let mut hasher = std::hash::DefaultHasher::new();
    for part in ["model", "optimizer", "method"] {
        if !last.has(part) {
            continue;
        }
        last.load_with(part, |state| {
            hasher.write(format!("{:?}", state.numbers).as_bytes());
            for (name, tensor) in &state.tensors {
                hasher.write(name.as_bytes());
                hasher.write(&tensor.bytes);
            }
            Ok(())
        })?;
    }
    Ok(hasher.finish())
}
