//! A whole run of a few hundred milliseconds, for `tests/resume.rs` to kill and to go on with:
//! `small_run OUT OPTIMIZER CHANGES`, of the configuration and of [`Other`]. It has everything that could tell
//! two runs apart: dropout, running statistics, chunks, augmentation, workers, a schedule, a plateau, a
//! running mean of the weights. It ends with one line: a checksum of all bits that it ends with.

use std::{error::Error, hash::Hasher, path::Path, thread::sleep, time::Duration};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::correct,
    data::{Augment, LastBatch},
    nn::Flatten2D,
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, checkpoint::CheckpointStore, stop::Stop},
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
fn train<const B: usize>(
    run: &mut Run<Built>,
    model: &mut Built,
    opt: &mut AnyOptimizer<Built, f32, Cpu>,
    loader: &DataLoader<Data, B, Augment>,
    (test, evaluation): &(Data, Duration),
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
        if !evaluation.is_zero() {
            println!("evaluating");
            sleep(*evaluation);
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

/// What is not in the configuration of a run: data, batch size, augmentation, evaluation.
struct Other {
    batch: i64,
    images: i64,
    data_seed: i64,
    mixup: f64,
    /// Milliseconds that an evaluation takes.
    evaluation: i64,
}

impl Other {
    /// Takes its keys out of the changes.
    fn of(changes: &mut Vec<String>) -> Result<Self, Box<dyn Error>> {
        let text = changes.join("\n");
        let mut table: toml::Table = toml::from_str(&text)?;
        let mut taken = |key: &str| {
            changes.retain(|change| !change.starts_with(&format!("{key}=")));
            table.remove(key)
        };
        let mut number = |key, default| {
            let value = taken(key).and_then(|value| value.as_integer());
            value.unwrap_or(default)
        };
        Ok(Self {
            batch: number("batch", B as i64),
            images: number("images", 250),
            data_seed: number("data_seed", 1),
            evaluation: number("evaluation", 0),
            mixup: number("mixup_percent", 30) as f64 / 100.0,
        })
    }
}

fn main() -> Result<Stop, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, out, optimizer, changes @ ..] = &*arguments else {
        return Err("usage: small_run OUT OPTIMIZER CHANGES".into());
    };
    let mut changes = changes.to_vec();
    let other = Other::of(&mut changes)?;
    let config = config(out, optimizer, &changes)?;
    match other.batch {
        8 => go::<8>(out, &config, &other),
        _ => go::<B>(out, &config, &other),
    }
}

fn go<const B: usize>(
    out: &str,
    config: &RunConfig,
    other: &Other,
) -> Result<Stop, Box<dyn Error>> {
    let loader = DataLoader::<_, B>::new(images(other.images as usize, other.data_seed as u64))?
        .seed(config.seed)
        .augment(Augment::basic().mixup(other.mixup)?)
        .last(LastBatch::Pad)
        .workers(2);
    let dev = Cpu::seed_from_u64(config.seed);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(config, config, &mut model, &mut opt)?;
    let test = (
        images(90, 2),
        Duration::from_millis(other.evaluation as u64),
    );
    train(&mut run, &mut model, &mut opt, &loader, &test)?;
    let stop = run.finish()?;
    println!("{:016x}", checksum(Path::new(out))?);
    Ok(stop)
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
