//! Trains the quickstart's network on its images with 40 % wrong labels by every method of `step::methods`, each
//! at its own best rho, and compares what they cost and what they gain. Needs no download.
//!
//! ```console
//! cargo run --release --example methods
//! cargo run --release --example methods --features plot -- --plot methods.png
//! ```

mod power;
mod ways;

use std::time::Instant;

use clap::Parser;
use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::{accuracy, sharpness},
    prelude::*,
    step::method_state,
};
use serde::Serialize;

use power::Power;
use ways::{LATE, Way, ways};

/// The network.
type Mlp = (
    (Linear<784, 256>, ReLU),
    (Linear<256, 256>, ReLU),
    Linear<256, 10>,
);
type Net = Built<Mlp>;
/// Images with wrong labels among them.
type Noisy = LabelNoise<TakeFirst<Images<Rank1<784>, 10>>>;

/// Images per step, and in all.
const BATCH: usize = 100;
const IMAGES: usize = 2_000;

/// Compares the ways to climb on drawn digits with wrong labels; takes some minutes.
#[derive(Parser)]
struct Options {
    /// Passes over the training images
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// Three methods, one radius, one seed, two epochs: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only methods whose names contain this, beside SGD and SAM
    #[arg(long, default_value = "")]
    only: String,
    /// Draws accuracy against time into this file
    #[cfg(feature = "plot")]
    #[arg(long)]
    plot: Option<std::path::PathBuf>,
}

/// What is trained on, and what is tested on.
struct Data {
    seed: u64,
    loader: DataLoader<Noisy, BATCH>,
    whole: DataLoader<Noisy, IMAGES>,
    test: Images<Rank1<784>, 10>,
}

impl Data {
    fn new(seed: u64) -> anyhow::Result<Self> {
        let noisy = || {
            let images = Glyphs::train(IMAGES, seed).take_first(IMAGES);
            LabelNoise::symmetric(images, 0.4, seed)
        };
        Ok(Self {
            seed,
            loader: DataLoader::new(noisy()?)?.seed(seed),
            whole: DataLoader::new(noisy()?)?.seed(seed),
            test: Glyphs::test(2_000, seed),
        })
    }
}

/// A training: the model, its optimizer, its gradients.
struct Training {
    model: Net,
    opt: Sgd<Net, f32, Cpu>,
    grads: Option<Gradients<f32, Cpu>>,
    /// What its steps have taken.
    gradients: f64,
    steps: f64,
}

impl Training {
    fn new(seed: u64) -> Self {
        let model = Cpu::seed_from_u64(seed).build_module::<Mlp, f32>();
        let config = SgdConfig {
            lr: 0.1,
            momentum: Some(Momentum::Classic(0.9)),
            weight_decay: None,
        };
        Self {
            opt: Sgd::new(&model, config),
            grads: Some(model.alloc_grads()),
            model,
            gradients: 0.0,
            steps: 0.0,
        }
    }

    fn step(&mut self, sam: &Sam, batch: Batch<BATCH>) -> anyhow::Result<()> {
        let grads = self
            .grads
            .take()
            .unwrap_or_else(|| self.model.alloc_grads());
        let mut grads = sam.step(&mut self.model, batch, grads, loss)?;
        self.opt.update(&mut self.model, &grads)?;
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
        self.gradients += last_report().map_or(0.0, |report| report.gradients);
        self.steps += 1.0;
        Ok(())
    }

    fn run(sam: &Sam, data: &Data, epochs: usize) -> anyhow::Result<Self> {
        let dev = Cpu::default();
        let mut training = Self::new(data.seed);
        for epoch in 0..epochs {
            for batch in data.loader.epoch(&dev, epoch) {
                training.step(sam, batch)?;
            }
        }
        Ok(training)
    }

    fn accuracy(&self, data: &Data) -> f64 {
        accuracy(&self.model, chunks(&data.test, &Cpu::default(), 500))
    }

    /// Vectors as large as all parameters that the method keeps from step to step.
    fn vectors(&self) -> anyhow::Result<f64> {
        let state = method_state(&self.model)?.unwrap_or_default();
        let sizes = state
            .tensors
            .values()
            .map(|tensor| tensor.shape.iter().product::<usize>());
        Ok(sizes.sum::<usize>() as f64 / self.model.num_trainable_params() as f64)
    }

    /// `L(w + e) - L(w)` on ten batches, for the best `e` of length 0.05.
    fn sharpness(&self, data: &Data) -> anyhow::Result<f64> {
        let batches = data.loader.epoch(&Cpu::default(), 0).take(10);
        Ok(sharpness(&self.model, batches, 0.05, Norm::L2, loss)?.value())
    }

    /// The largest eigenvalue of the Hessian of the loss on all training images.
    fn largest_eigenvalue(mut self, data: &Data) -> anyhow::Result<f64> {
        let power = Power::default();
        let sam = Sam::new(1e-2).method(power.clone());
        let Some(batch) = data.whole.epoch(&Cpu::default(), 0).next() else {
            anyhow::bail!("there are no images");
        };
        for _ in 0..12 {
            let grads = self.model.alloc_grads();
            sam.step(&mut self.model, batch.clone(), grads, loss)?;
        }
        Ok(power.value())
    }
}

type Batch<const B: usize> = (
    Tensor<Rank2<B, 784>, f32, Cpu>,
    Tensor<Rank2<B, 10>, f32, Cpu>,
);
type Traced<const B: usize> = Tensor<Rank2<B, 10>, f32, Cpu, OwnedTape<f32, Cpu>>;

fn loss<const B: usize>(
    model: &mut Net,
    (x, y): Batch<B>,
    grads: Gradients<f32, Cpu>,
) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
    let logits: Traced<B> = model.forward_mut(x.traced(grads));
    cross_entropy_with_logits_loss(logits, y)
}

/// What was found of one way.
#[derive(Serialize)]
struct Row {
    method: &'static str,
    rho: f64,
    /// On test images, over the seeds.
    accuracy: f64,
    accuracy_std: f64,
    /// Of a step, over that of SGD.
    time: f64,
    gradients: f64,
    /// Kept from step to step, as large as all parameters.
    vectors: f64,
    sharpness: f64,
    /// Of the first seed.
    lambda_max: f64,
}

/// Each way's time for a step over that of SGD: of 20 steps each in turns, the median ratio.
fn times(ways: &[Way], data: &Data, rounds: usize) -> anyhow::Result<Vec<f64>> {
    let Some(batch) = data.loader.epoch(&Cpu::default(), 0).next() else {
        anyhow::bail!("there are no images");
    };
    let seconds = |training: &mut Training, sam: &Sam| -> anyhow::Result<f64> {
        let begin = Instant::now();
        (0..20).try_for_each(|_| training.step(sam, batch.clone()))?;
        Ok(begin.elapsed().as_secs_f64())
    };
    let mut medians = Vec::new();
    for way in ways {
        let [mut base, mut training] = [Training::new(0), Training::new(0)];
        let (none, sam) = (Sam::new(0.0), (way.sam)(way.radii[0]));
        let mut ratios = Vec::new();
        for round in 0..=rounds {
            let base = seconds(&mut base, &none)?;
            let ratio = seconds(&mut training, &sam)? / base;
            // The first one allocates.
            ratios.extend((round > 0).then_some(ratio));
        }
        ratios.sort_by(f64::total_cmp);
        medians.push(ratios[ratios.len() / 2]);
    }
    // Its last quarter is far behind those rounds.
    let sam = ways.iter().position(|way| way.name == "SAM");
    let late = ways.iter().position(|way| way.name == "SAM, last quarter");
    if let (Some(sam), Some(late)) = (sam, late) {
        medians[late] = LATE + (1.0 - LATE) * medians[sam];
    }
    Ok(medians)
}

/// The best radius by the images of one seed, then the figures of the others.
fn measure(way: &Way, time: f64, seeds: &[Data], epochs: usize) -> anyhow::Result<Row> {
    let (chosen_on, tested_on) = match seeds {
        [first, rest @ ..] if !rest.is_empty() => (first, rest),
        _ => anyhow::bail!("there must be two seeds"),
    };
    let mut best = (f64::MIN, way.radii[0]);
    for &rho in way.radii.iter().filter(|_| way.radii.len() > 1) {
        let found = Training::run(&(way.sam)(rho), chosen_on, epochs)?.accuracy(chosen_on);
        if found > best.0 {
            best = (found, rho);
        }
    }
    let (mut accuracies, mut sharpnesses) = (Vec::new(), Vec::new());
    let (mut gradients, mut vectors, mut lambda_max) = (0.0, 0.0, 0.0);
    for (i, data) in tested_on.iter().enumerate() {
        let training = Training::run(&(way.sam)(best.1), data, epochs)?;
        accuracies.push(training.accuracy(data));
        sharpnesses.push(training.sharpness(data)?);
        if i == 0 {
            gradients = training.gradients / training.steps;
            vectors = training.vectors()?;
            lambda_max = training.largest_eigenvalue(data)?;
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let accuracy = mean(&accuracies);
    let squares: f64 = accuracies.iter().map(|a| (a - accuracy).powi(2)).sum();
    Ok(Row {
        method: way.name,
        rho: best.1,
        accuracy,
        accuracy_std: (squares / (accuracies.len().max(2) - 1) as f64).sqrt(),
        time,
        gradients,
        vectors,
        sharpness: mean(&sharpnesses),
        lambda_max,
    })
}

/// Draws accuracy against time, as `path` says: an SVG or a PNG image.
#[cfg(feature = "plot")]
fn draw(rows: &[Row], path: &std::path::Path) -> anyhow::Result<()> {
    use kuva::{
        backend::{png::PngBackend, svg::SvgBackend},
        plot::ScatterPlot,
        render::{layout::Layout, plots::Plot, render::render_multiple},
    };

    // Colours that also those tell apart who see few (Okabe & Ito 2008).
    let of = |row: &Row| match row.method {
        "SGD" => "#000000",
        "SAM" => "#d55e00",
        _ => "#0072b2",
    };
    let percent = |share: f64| 100.0 * share;
    let plot = |row: &Row| {
        let scatter = ScatterPlot::new()
            .with_data([(row.time, percent(row.accuracy))])
            .with_y_err([percent(row.accuracy_std)])
            .with_color(of(row))
            .with_size(4.0);
        Plot::Scatter(scatter)
    };
    let mut plots: Vec<Plot> = rows.iter().map(plot).collect();
    let points = rows.iter().map(|row| (row.time, percent(row.accuracy)));
    let names = ScatterPlot::new()
        .with_data(points)
        .with_labels(rows.iter().map(|row| row.method))
        .with_repel_labels()
        .with_size(0.1)
        .with_color("#0072b2");
    plots.push(Plot::Scatter(names));
    let layout = Layout::auto_from_plots(&plots)
        .with_x_label("Time of a step, over that of SGD")
        .with_y_label("Accuracy on test images, %")
        .with_title("40 % wrong labels: mean and standard deviation of three seeds")
        .with_width(820.0)
        .with_height(560.0);
    let scene = render_multiple(plots, layout);
    let bytes = match path.extension().is_some_and(|extension| extension == "png") {
        true => PngBackend::new()
            .render_scene(&scene)
            .map_err(anyhow::Error::msg)?,
        false => SvgBackend::new().render_scene(&scene).into_bytes(),
    };
    Ok(std::fs::write(path, bytes)?)
}

fn main() -> anyhow::Result<()> {
    sam_runtime::device::keep_freed_memory();
    let options = Options::parse();
    let (epochs, seeds, rounds) = match options.quick {
        true => (2, 2, 1),
        false => (options.epochs, 4, 25),
    };
    let begin = Instant::now();
    let data: Vec<Data> = (0..seeds).map(Data::new).collect::<anyhow::Result<_>>()?;
    let mut ways = ways((epochs * data[0].loader.len()) as u64);
    let is_asked = |name: &str| ["SGD", "SAM"].contains(&name) || name.contains(&options.only);
    ways.retain(|way| is_asked(way.name));
    if options.quick {
        ways.retain(|way| ["SGD", "SAM", "MSAM"].contains(&way.name));
        ways.iter_mut().for_each(|way| way.radii = &way.radii[..1]);
    }
    println!(
        "{IMAGES} training images, {} of them with a wrong label; {epochs} epochs; rho by the images of another \
         seed; {}. `On::Norm` (SAM-ON) is left out: this network has no normalisation.",
        data[0].loader.dataset().changed(),
        match seeds - 1 {
            1 => "1 seed".to_owned(),
            seeds => format!("{seeds} seeds"),
        },
    );
    let times = times(&ways, &data[0], rounds)?;
    println!(
        "| {:<19} | {:>6} | {:>14} | {:>5} | {:>9} | {:>7} | {:>9} | {:>10} |\n|---|---|---|---|---|---|---|---|",
        "", "rho", "accuracy, %", "time", "gradients", "vectors", "sharpness", "lambda_max",
    );
    let mut rows = Vec::new();
    for (way, time) in ways.iter().zip(times) {
        let row = measure(way, time, &data, epochs)?;
        let accuracy = format!(
            "{:.1} ± {:.1}",
            100.0 * row.accuracy,
            100.0 * row.accuracy_std
        );
        println!(
            "| {:<19} | {:>6} | {accuracy:>14} | {time:>5.2} | {:>9.2} | {:>7} | {:>9.4} | {:>10.2} |",
            row.method, row.rho, row.gradients, row.vectors, row.sharpness, row.lambda_max,
        );
        rows.push(row);
    }
    #[cfg(feature = "plot")]
    if let Some(path) = &options.plot {
        draw(&rows, path)?;
    }
    println!("{:.0} s in all", begin.elapsed().as_secs_f64());
    println!("{}", serde_json::to_string(&rows)?);
    Ok(())
}
