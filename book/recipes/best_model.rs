//! A run that keeps its best model; another part of the program loads it, and predicts.

use std::path::Path;

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, best_model},
};

type Net = (Linear<784, 64>, ReLU, Linear<64, 10>);
type Digits = Images<Rank1<784>, 10>;

/// What would stand in a file, for `run::load`. The learning rate is too high, so that the last epoch is not the best.
const CONFIG: &str = r#"
    out = "set by main"
    epochs = 8
    rho = 0.05
    optimizer = { kind = "sgd", lr = 0.5 }
    checkpoints.best = { on = "validation/accuracy", goal = "highest" }
    log.progress = false
"#;

#[sam_train(rho = run.rho())]
fn train(config: &RunConfig, validation: &Digits) -> anyhow::Result<()> {
    let dev = Cpu::seed_from_u64(config.seed);
    let loader = DataLoader::<_, 32>::new(Glyphs::train(600, 0))?;
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(config, config, &mut model, &mut opt)?;
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for (x, y) in run.limit(loader.epoch(&dev, from)) {
            opt.set_lr(run.lr());
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            run.saw(loss.array(), 32);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(&model, &opt)? {
                break;
            }
        }
        let right = accuracy(run.evaluated(&model), chunks(validation, &dev, 100));
        println!("epoch {}: accuracy {right:.3}", run.position().epoch + 1);
        run.found("validation", [("accuracy", right)]);
        run.end_epoch(&model, &opt, &[])?;
    }
    println!("{}", run.finish()?);
    Ok(())
}

/// What another program does: it knows the network's type and the folder.
fn predict(out: &Path, validation: &Digits) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let model = best_model::<Net, f32, _>(out, &dev)?;
    let right = accuracy(&model, chunks(validation, &dev, 100));
    println!("the best model: accuracy {right:.3}");

    let pixels = Glyphs::test(3, 7).get(2)?.input().to_vec();
    let picture = dev.tensor_from_vec(pixels, Rank1::<784>::default());
    let shares = model.forward(picture).softmax().array();
    println!("a picture of a 2: is a 2 by {:.2}", shares[2]);
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?; // in your program, a folder of `runs`
    let config = RunConfig {
        out: dir.path().join("digits"),
        ..toml::from_str(CONFIG)?
    };
    let validation = Glyphs::test(500, 0);
    train(&config, &validation)?;
    predict(&config.out, &validation)
}
