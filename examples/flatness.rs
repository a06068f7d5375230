//! Is my minimum flat, and does SAM help me? Trains one network with SGD and with SAM down to the same training loss, three
//! times each, and measures where they have ended: the Hessian's largest eigenvalues and trace, m-sharpness for several
//! m, and the loss on a plane through each. Needs no download.
//!
//! ```console
//! cargo run --release --features spectrum --example flatness
//! cargo run --release --features spectrum,plot --example flatness -- --data DIR --plot FOLDER
//! ```
//!
//! `DIR` holds the four IDX files of MNIST, plain or as `.gz`; without it digits are drawn.

use std::path::PathBuf;

use clap::Parser;
use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::{Estimate, Objective, Search, accuracy},
    prelude::*,
};
use serde::Serialize;

type Mlp = (
    (Linear<784, 128>, ReLU),
    (Linear<128, 128>, ReLU),
    Linear<128, 10>,
);
type Net = Built<Mlp>;
type Digits = TakeFirst<Images<Rank1<784>, 10>>;

/// Images per step.
const BATCH: usize = 100;
/// Training ends where the mean loss over all training images is below this.
const LOSS: f64 = 0.05;
/// Unless it takes longer than this.
const EPOCHS: usize = 200;
/// SAM's radius.
const RHO: f64 = 0.1;
/// The radius at which sharpness is measured.
const MEASURED_AT: f64 = 0.05;
/// Samples per perturbation.
const M: [usize; 4] = [4, 32, 256, 2048];
/// Training images that are measured on.
const MEASURED_ON: usize = 2048;

/// Compares the minima of SGD and SAM at equal training loss.
#[derive(Parser)]
struct Options {
    /// A folder with MNIST's files; left out, digits are drawn
    #[arg(long)]
    data: Option<PathBuf>,
    /// How many training images to use
    #[arg(long, default_value_t = 6_000)]
    images: usize,
    /// How many times to train each
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// A folder for pictures of the loss on a plane and of the spectrum
    #[cfg(feature = "plot")]
    #[arg(long)]
    plot: Option<PathBuf>,
}

/// What a trained network is like.
#[derive(Serialize)]
struct Minimum {
    /// On the training images.
    loss: f64,
    test_accuracy: f64,
    epochs: usize,
    lambda_max: f64,
    /// `lambda_1 / lambda_5`.
    bulk_ratio: f64,
    trace: f64,
    /// For each of [`M`].
    m_sharpness: Vec<f64>,
}

/// Trains down to [`LOSS`]; rho = 0 is SGD. How many epochs that took.
#[sam_train(rho = rho)]
fn train(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    loader: &DataLoader<Digits, BATCH>,
    images: &Digits,
    rho: f64,
) -> anyhow::Result<usize> {
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    for epoch in 0..EPOCHS {
        for (step, (x, y)) in loader.epoch(&dev, epoch).enumerate() {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if step % 10 == 9 && loss_on(model, images)? < LOSS {
                return Ok(epoch + 1);
            }
        }
    }
    anyhow::bail!("the loss is not below {LOSS} after {EPOCHS} epochs")
}

/// A batch of any size.
type Batch = (
    Tensor<(usize, Const<784>), f32, Cpu>,
    Tensor<(usize, Const<10>), f32, Cpu>,
);
/// The network in f64: its gradient jumps at each ReLU, and differences of gradients that lie close together meet few of
/// the jumps.
type Wide = Built<Mlp, Cpu, f64>;

fn loss(
    model: &mut Wide,
    (x, y): Batch,
    grads: Gradients<f64, Cpu>,
) -> Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>> {
    let logits = model.forward_mut(x.to_dtype::<f64>().traced(grads));
    cross_entropy_with_logits_loss(logits, y.to_dtype::<f64>())
}

fn loss_on(model: &Net, images: &Digits) -> anyhow::Result<f64> {
    let dev = Cpu::default();
    let (mut sum, mut count) = (0.0, 0);
    for (x, y) in chunks(images, &dev, 500) {
        let rows = x.shape().0;
        let loss = cross_entropy_with_logits_loss(model.try_forward(x)?, y);
        sum += rows as f64 * f64::from(loss.array());
        count += rows;
    }
    Ok(sum / count as f64)
}

fn measure(model: &Net, epochs: usize, images: &Digits, test: &Digits) -> anyhow::Result<Minimum> {
    let dev = Cpu::default();
    let batches = || chunks(images, &dev, 500).take(MEASURED_ON.div_ceil(500));
    let wide = model.to_dtype::<f64>();
    let mut objective = Objective::new(&wide, batches, loss)?;
    let eigenvalues = objective.eigenvalues(5, Search::default())?;
    let m_sharpness = M.map(|m| {
        let batches = || chunks(images, &dev, m).take(MEASURED_ON.div_ceil(m));
        let mut objective = Objective::new(&wide, batches, loss)?;
        Ok(objective.m_sharpness(&Sam::new(MEASURED_AT))?.value())
    });
    Ok(Minimum {
        loss: loss_on(model, images)?,
        test_accuracy: accuracy(model, chunks(test, &dev, 500)),
        epochs,
        lambda_max: eigenvalues.values[0],
        bulk_ratio: eigenvalues.bulk_ratio().unwrap_or(f64::NAN),
        trace: objective.trace(20, 0)?.mean,
        m_sharpness: m_sharpness.into_iter().collect::<anyhow::Result<_>>()?,
    })
}

/// The loss on a plane through the model, and the density of its Hessian's spectrum.
#[cfg(feature = "plot")]
fn draw(model: &Net, images: &Digits, name: &str, folder: &std::path::Path) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let batches = || chunks(images, &dev, 500).take(2);
    let wide = model.to_dtype::<f64>();
    let mut objective = Objective::new(&wide, batches, loss)?;
    let at = (-12..=12).map(|i| f64::from(i) / 12.0).collect();
    let plane = objective.plane(at, 0)?;
    plane
        .picture()
        .save(folder.join(format!("plane-{name}.png")))?;
    let density = objective.spectral_density(5, 60, 0)?;
    density
        .picture(None)
        .save(folder.join(format!("spectrum-{name}.png")))?;
    Ok(())
}

/// How far apart two groups are, in units of their spread (Cohen's d).
fn separation(a: &[f64], b: &[f64]) -> f64 {
    let of = |values: &[f64]| {
        let found = Estimate::of(values.iter().copied());
        (
            found.mean,
            found.standard_error.powi(2) * found.count as f64,
        )
    };
    let ((mean_a, variance_a), (mean_b, variance_b)) = (of(a), of(b));
    (mean_a - mean_b) / ((variance_a + variance_b) / 2.0).sqrt()
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    println!(
        "Trained down to a loss of {LOSS} on {} images; rho = {RHO}; sharpness at {MEASURED_AT}.\n",
        options.images
    );
    let mut found: [Vec<Minimum>; 2] = [Vec::new(), Vec::new()];
    for seed in 0..options.seeds {
        let (images, test) = match &options.data {
            Some(folder) => (Mnist::train(folder)?, Mnist::test(folder)?),
            None => (
                Glyphs::train(options.images, seed),
                Glyphs::test(2_000, seed),
            ),
        };
        let images = images.take_first(options.images);
        let test = test.take_first(usize::MAX);
        let loader = DataLoader::new(images.clone())?.seed(seed);
        let initial = Cpu::seed_from_u64(seed).build_module::<Mlp, f32>();
        for (way, rho) in [0.0, RHO].into_iter().enumerate() {
            let mut model = initial.clone();
            let config = SgdConfig {
                lr: 0.05,
                momentum: Some(Momentum::Classic(0.9)),
                weight_decay: None,
            };
            let mut opt = Sgd::new(&model, config);
            let epochs = train(&mut model, &mut opt, &loader, &images, rho)?;
            found[way].push(measure(&model, epochs, &images, &test)?);
            #[cfg(feature = "plot")]
            if let (Some(folder), 0) = (&options.plot, seed) {
                std::fs::create_dir_all(folder)?;
                draw(&model, &images, ["sgd", "sam"][way], folder)?;
            }
        }
    }
    report(&found)
}

/// A row of the table: its name, a number of a minimum, and what it is multiplied by.
type Row = (String, Box<dyn Fn(&Minimum) -> f64>, f64);

fn report(found: &[Vec<Minimum>; 2]) -> anyhow::Result<()> {
    let mut rows: Vec<Row> = vec![
        ("training loss".into(), Box::new(|it| it.loss), 1.0),
        ("epochs".into(), Box::new(|it| it.epochs as f64), 1.0),
        (
            "test accuracy, %".into(),
            Box::new(|it| it.test_accuracy),
            100.0,
        ),
        (
            "largest eigenvalue".into(),
            Box::new(|it| it.lambda_max),
            1.0,
        ),
        (
            "largest over fifth".into(),
            Box::new(|it| it.bulk_ratio),
            1.0,
        ),
        ("trace".into(), Box::new(|it| it.trace), 1.0),
    ];
    for (at, m) in M.into_iter().enumerate() {
        let of = move |it: &Minimum| it.m_sharpness[at];
        rows.push((format!("sharpness, m = {m}"), Box::new(of), 1.0));
    }
    println!("| | SGD | SAM | SGD / SAM | apart by |\n|---|---|---|---|---|");
    for (name, of, scale) in &rows {
        let [sgd, sam] = [0, 1].map(|way| found[way].iter().map(of).collect::<Vec<f64>>());
        let show = |values: &[f64]| {
            let found = Estimate::of(values.iter().map(|value| value * scale));
            let spread = found.standard_error * (found.count as f64).sqrt();
            format!("{:.4} ± {spread:.4}", found.mean)
        };
        let mean = |values: &[f64]| Estimate::of(values.iter().copied()).mean;
        println!(
            "| {name} | {} | {} | {:.2} | {} |",
            show(&sgd),
            show(&sam),
            mean(&sgd) / mean(&sam),
            match separation(&sgd, &sam) {
                apart if apart.is_finite() => format!("{apart:.1}"),
                _ => String::new(),
            },
        );
    }
    let [sgd, sam] = found;
    println!(
        "\n{}",
        serde_json::json!({ "sgd": sgd, "sam": sam, "m": M })
    );
    Ok(())
}
