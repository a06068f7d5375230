//! A whole run of a few hundred milliseconds, for `tests/resume.rs` to kill and to go on with:
//! `small_run OUT OPTIMIZER CHANGES`. It has everything that could tell two runs apart: dropout, running
//! statistics, chunks, augmentation, workers, a schedule, a plateau, a running mean of the weights. It ends
//! with one line: a checksum of all bits that it ends with.

use std::{error::Error, hash::Hasher, path::Path};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::correct,
    data::{Augment, LastBatch},
    nn::Flatten2D,
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, checkpoint::CheckpointStore},
};

const B: usize = 16;

type Net = (
    (Flatten2D, Linear<36, 24>, BatchNorm1D<24>, ReLU),
    DropoutOneIn<4>,
    Linear<24, 3>,
);
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;
type Data = Images<Rank3<1, 6, 6>, 3>;

/// Images whose brightest third tells their class.
fn images(n: usize, seed: u64) -> Data {
    let mut state = seed;
    let mut random = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as u8
    };
    let classes: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let pixels = classes.iter().flat_map(|class| {
        (0..36)
            .map(move |i| if i / 12 == *class { 70 } else { 0 })
            .collect::<Vec<u8>>()
    });
    let pixels = pixels.map(|bright| bright + random() / 2).collect();
    Images::new(pixels, classes).unwrap()
}

#[sam_train(rho = run.rho(), m = 8, clip = 1.0)]
fn train(
    run: &mut Run<Built>,
    model: &mut Built,
    opt: &mut AnyOptimizer<Built, f32, Cpu>,
    loader: &DataLoader<Data, B, Augment>,
    test: &Data,
) -> Result<(), Box<dyn Error>> {
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for (x, y) in run.limit(loader.epoch(&dev, from)) {
            opt.set_lr(run.lr());
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            run.saw(loss.array(), B);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(model, opt)? {
                break;
            }
        }
        let evaluated = run.evaluated(model);
        let chunks = chunks(test, &dev, 32);
        let right: usize = chunks
            .map(|(x, y)| correct(&evaluated.forward(x), &y))
            .sum();
        run.end_epoch(
            model,
            opt,
            &[("accuracy", right as f64 / test.len() as f64)],
        )?;
    }
    Ok(())
}

/// The configuration, with `changes` such as `rho=0.1`.
fn config(out: &str, optimizer: &str, changes: &[String]) -> Result<RunConfig, Box<dyn Error>> {
    let keys = match optimizer {
        "sgd" => "momentum = 0.9\nnesterov = true\nweight_decay = 1e-3\nno_decay = true",
        _ => "",
    };
    let text = format!(
        r#"
        out = {out:?}
        epochs = 4
        seed = 5
        resume = true
        lr = {{ kind = "cosine", max = 0.05, steps = 60 }}
        rho = {{ kind = "linear", from = 0.02, to = 0.2, steps = 60 }}
        plateau = {{ on = "accuracy", goal = "highest", factor = 0.5, patience = 0 }}
        ema = {{ decay = 0.9, warmup = true }}
        checkpoints = {{ every = 4, keep = 2, best = {{ on = "accuracy", goal = "highest" }} }}
        log = {{ every = 3, progress = false }}
        [optimizer]
        kind = {optimizer:?}
        {keys}
        "#
    );
    let mut table: toml::Table = toml::from_str(&text)?;
    for change in changes {
        table.extend(toml::from_str::<toml::Table>(change)?);
    }
    Ok(table.try_into()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, out, optimizer, changes @ ..] = &*arguments else {
        return Err("usage: small_run OUT OPTIMIZER CHANGES".into());
    };
    let config = config(out, optimizer, changes)?;
    let loader = DataLoader::new(images(250, 1))?
        .seed(config.seed)
        .augment(Augment::basic().mixup(0.3)?)
        .last(LastBatch::Pad)
        .workers(2);
    let dev = Cpu::seed_from_u64(config.seed);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(&config, &config, &mut model, &mut opt)?;
    train(&mut run, &mut model, &mut opt, &loader, &images(90, 2))?;
    run.finish()?;
    println!("{:016x}", checksum(Path::new(out))?);
    Ok(())
}

/// Of all tensors of the last checkpoint: model, optimizer, running mean.
fn checksum(out: &Path) -> Result<u64, Box<dyn Error>> {
    let store = CheckpointStore::open(out.join("checkpoints"))?;
    let last = store.latest()?.ok_or("no checkpoint")?;
    let mut hasher = std::hash::DefaultHasher::new();
    for part in ["model", "optimizer", "ema"] {
        last.load_with(part, |state| {
            for (name, tensor) in &state.tensors {
                hasher.write(name.as_bytes());
                hasher.write(&tensor.bytes);
            }
            Ok(())
        })?;
    }
    Ok(hasher.finish())
}
