//! Which rho? Four of them, each with three seeds, where four tenths of the labels are wrong.

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::LabelNoise,
    optim::{AnyOptimizer, SgdKeys},
    prelude::*,
    run::{
        Run, RunConfig,
        checkpoint::Best,
        sweep::{Outcome, Sweep, Trial},
    },
};

type Net = (Linear<784, 64>, ReLU, Linear<64, 10>);

#[sam_train(rho = run.rho())]
fn train(trial: &Trial<RunConfig>) -> anyhow::Result<Outcome> {
    let config = &trial.config; // with the trial's rho, seed and folder
    let noisy = LabelNoise::symmetric(Glyphs::train(1_000, 0), 0.4, 1)?;
    let loader = DataLoader::<_, 50>::new(noisy)?.seed(config.seed);
    let validation = Glyphs::test(500, 0);
    let dev = Cpu::seed_from_u64(config.seed);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(config, config, &mut model, &mut opt)?;
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
        }
        let right = accuracy(run.evaluated(&model), chunks(&validation, &dev, 100));
        run.end_epoch(&model, &opt, &[("accuracy", right)])?;
    }
    Ok(trial.recorded(run.finish()?)?)
}

fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?; // in your program, a folder of `runs`
    let sgd = SgdKeys {
        lr: 0.2,
        ..SgdKeys::default()
    };
    let mut base = RunConfig::new("", 20, sgd);
    base.log.progress = false;
    let sweep = Sweep::new(dir.path(), &base)
        .values("rho", [0.0, 0.05, 0.1, 0.2])
        .seeds(0..3)
        .goal("accuracy", Best::Highest)
        .progress(false);
    let swept = sweep.run(train)?;
    println!("{}", swept.table());
    Ok(())
}
