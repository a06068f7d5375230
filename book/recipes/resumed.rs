//! A run that is cut off in the middle of an epoch, goes on, and ends with the same bits as one that was not.

use std::path::Path;

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig},
};

type Net = (Linear<784, 64>, ReLU, DropoutOneIn<4>, Linear<64, 10>);

/// What would stand in a file, for `run::load`. With `resume` a run begins where there is none to go on with.
const CONFIG: &str = r#"
    out = "set by main"
    epochs = 4
    rho = 0.05
    optimizer = { kind = "sgd", lr = 0.1, momentum = 0.9 }
    lr = { kind = "cosine", max = 0.1, steps = 80 }
    checkpoints.every = 5
    resume = true
    log.progress = false
"#;

/// Trains; `cut_off` is the step at which the power fails.
#[sam_train(rho = run.rho())]
fn train(out: &Path, cut_off: Option<u64>) -> anyhow::Result<Built<Net>> {
    let config = RunConfig {
        out: out.into(),
        ..toml::from_str(CONFIG)?
    };
    let dev = Cpu::seed_from_u64(config.seed);
    let loader = DataLoader::<_, 50>::new(Glyphs::train(1_000, 0))?;
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(&config, &config, &mut model, &mut opt)?;
    println!("from step {}", run.steps());
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for (x, y) in run.limit(loader.epoch(&dev, from)) {
            opt.set_lr(run.lr());
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            run.saw(loss.array(), 50);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(&model, &opt)? {
                break;
            }
            if Some(run.steps()) == cut_off {
                anyhow::bail!("cut off at step {}", run.steps());
            }
        }
        run.end_epoch(&model, &opt, &[])?;
    }
    println!("step {}: {}", run.steps(), run.finish()?);
    Ok(model)
}

fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?; // in your program, a folder of `runs`
    if let Err(error) = train(&dir.path().join("cut-off"), Some(47)) {
        println!("{error}");
    }
    let resumed = train(&dir.path().join("cut-off"), None)?;
    let at_once = train(&dir.path().join("at-once"), None)?;
    let test = Glyphs::test(100, 0);
    let logits = |model: &Built<Net>| -> Vec<f32> {
        chunks(&test, &Cpu::default(), 100)
            .flat_map(|(x, _)| model.forward(x).as_vec())
            .collect()
    };
    println!("the same bits: {}", logits(&resumed) == logits(&at_once));
    Ok(())
}
