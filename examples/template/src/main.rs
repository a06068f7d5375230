//! A training program to begin with. Yours are: `Net`, `Data`, and what `data` reads.

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    optim::AnyOptimizer,
    predict::{self, Description},
    prelude::*,
    run::{Run, RunConfig, best_model, load_with, stop::Stop},
};
use serde::{Deserialize, Serialize};

/// The network: layers one behind the other.
type Net = (
    (Linear<784, 128>, ReLU),
    (Linear<128, 64>, ReLU),
    Linear<64, 10>,
);
/// The network with its tensors.
type Model = Built<Net>;
type Data = Images<Rank1<784>, 10>;

/// Samples of a batch.
const BATCH: usize = 64;

/// What stands in `config.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    images: usize,
    run: RunConfig,
}

/// What to train on, what to choose by, what to test on.
fn data(config: &Config) -> Result<(DataLoader<Data, BATCH>, Data, Data), DataError> {
    let train = Glyphs::train(config.images, 0);
    let loader = DataLoader::new(train)?.seed(config.run.seed);
    Ok((loader, Glyphs::test(1_000, 1), Glyphs::test(1_000, 2)))
}

#[sam_train(rho = run.rho())]
fn train(
    run: &mut Run<Model>,
    model: &mut Model,
    opt: &mut AnyOptimizer<Model, f32, Cpu>,
    loader: &DataLoader<Data, BATCH>,
    validation: &Data,
) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for (x, y) in run.limit(loader.epoch(&dev, from)) {
            opt.set_lr(run.lr());
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            run.saw(loss.array(), BATCH);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(model, opt)? {
                break;
            }
        }
        let batches = run.limit(chunks(validation, &dev, 500));
        let right = accuracy(run.evaluated(model), batches);
        run.found("validation", [("accuracy", right)]);
        run.end_epoch(model, opt, &[])?;
    }
    Ok(())
}

/// `cargo run --release -- run.epochs=20`: arguments are changes to `config.toml`.
fn main() -> anyhow::Result<Stop> {
    let changes: Vec<String> = std::env::args().skip(1).collect();
    let config: Config = load_with("config.toml", &changes)?;
    let (loader, validation, test) = data(&config)?;

    let mut model = Cpu::seed_from_u64(config.run.seed).build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.run.optimizer)?;
    let mut run = Run::start(&config.run, &config, &mut model, &mut opt)?;
    train(&mut run, &mut model, &mut opt, &loader, &validation)?;
    let out = run.config().out.clone();
    let stop = run.finish()?;
    println!("{stop}");

    // The model that was best on `validation`, in a file for `Predictor::<Net>::open` of another program.
    if let Stop::Finished | Stop::NoProgress = stop {
        let dev = Cpu::default();
        let best = best_model::<Net, f32, _>(&out, &dev)?;
        let about = Description::new().classes((0..10).map(|digit| digit.to_string()));
        predict::save(&best, out.join("model.safetensors"), about)?;
        let right = accuracy(&best, chunks(&test, &dev, 500));
        println!("accuracy on test data: {:.1} %", 100.0 * right);
    }
    Ok(stop)
}
