//! How well SGD, mixup, SAM and bootstrapping withstand wrong labels: the paper's table 4. Needs no download.
//!
//! ```console
//! cargo run --release --example label_noise
//! cargo run --release --example label_noise --features plot -- --data DIR --plot label-noise.png
//! ```
//!
//! `DIR` holds the four IDX files of MNIST or Fashion-MNIST, plain or as `.gz`; without it digits are drawn.

use std::borrow::Cow;

use clap::Parser;
use dfdx::prelude::*;
use sam_examples::{
    BATCH, Digits, NOISE, Net, Noisy, Plan, Shape, Source, Spread, accuracy_on, print_by_noise,
    side_by_side, train,
};
use sam_runtime::{
    data::{Augment, ImageDataset, Plain, Transform},
    prelude::*,
};
use serde::Serialize;

/// The rows, as the paper has them. What takes one gradient a step is trained for as many epochs as SAM, and for twice as
/// many; the better one counts.
const WAYS: [&str; 5] = [
    "SGD",
    "mixup",
    "bootstrap + mixup",
    "SAM",
    "bootstrap + SAM",
];

/// Trains with five methods on images of which some have a wrong label.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    source: Source,
    /// SAM's passes over the training images
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// SAM's radius
    #[arg(long, default_value_t = 0.2)]
    rho: f64,
    /// The alpha of mixup
    #[arg(long, default_value_t = 8.0)]
    alpha: f64,
}

/// Images under labels that a network gave them.
struct Relabelled {
    images: Noisy,
    labels: Vec<usize>,
}

impl Relabelled {
    /// By what `model` takes each image for.
    fn by(model: &Net, images: Noisy) -> Self {
        let mut labels = Vec::new();
        for (x, _) in chunks(&images, &Cpu::default(), 500) {
            let logits = model.forward(x).as_vec();
            labels.extend(logits.chunks(10).map(largest));
        }
        Self { images, labels }
    }
}

impl Dataset for Relabelled {
    type Item = <Noisy as Dataset>::Item;

    fn len(&self) -> usize {
        self.images.len()
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        self.images.get(index)?.with_label(self.labels[index])
    }
}

impl ImageDataset for Relabelled {
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        self.images.bytes(index)
    }

    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError> {
        let sample = self.images.sample_of(index, bytes)?;
        sample.with_label(self.labels[index])
    }
}

/// Where the largest one is.
fn largest(values: &[f32]) -> usize {
    let values = values.iter().enumerate();
    values
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map_or(0, |(i, _)| i)
}

/// One share of wrong labels with one seed.
struct Setting<'a> {
    options: &'a Options,
    test: &'a Digits,
    noise: f64,
    seed: u64,
}

impl Setting<'_> {
    fn train<Ds, T>(&self, images: Ds, transform: T, plan: (usize, f64)) -> anyhow::Result<Net>
    where
        Ds: Dataset<Item = Sample<Shape, 10>> + 'static,
        T: Transform<Ds> + 'static,
    {
        let loader = DataLoader::new(images)?.seed(self.seed).augment(transform);
        let plan = Plan {
            epochs: plan.0,
            lr: 0.1,
            rho: plan.1,
            seed: self.seed,
        };
        train::<BATCH, _, _>(&plan, &loader)
    }

    /// A training, and a second one from scratch on the labels that the first one gives: their accuracies.
    fn with_bootstrap<T>(
        &self,
        noisy: &Noisy,
        transform: &T,
        epochs: usize,
        rho: f64,
    ) -> anyhow::Result<[f64; 2]>
    where
        T: Transform<Noisy> + Transform<Relabelled> + Clone + 'static,
    {
        let first = self.train(noisy.clone(), transform.clone(), (epochs, rho))?;
        let relabelled = Relabelled::by(&first, noisy.clone());
        let second = self.train(relabelled, transform.clone(), (epochs, rho))?;
        Ok([&first, &second].map(|model| accuracy_on(model, self.test)))
    }

    /// For each of [`WAYS`].
    fn accuracies(&self) -> anyhow::Result<[Vec<f64>; 5]> {
        let (epochs, rho) = (self.options.epochs, self.options.rho);
        let noisy = self.options.source.noisy(self.noise, self.seed)?;
        let mixup = Augment::new().mixup(self.options.alpha)?;
        let [mut sgd, mut mixed, mut mixed_twice] = [Vec::new(), Vec::new(), Vec::new()];
        for epochs in [epochs, 2 * epochs] {
            let model = self.train(noisy.clone(), Plain, (epochs, 0.0))?;
            sgd.push(accuracy_on(&model, self.test));
            let [first, second] = self.with_bootstrap(&noisy, &mixup, epochs, 0.0)?;
            mixed.push(first);
            mixed_twice.push(second);
        }
        let [sam, twice] = self.with_bootstrap(&noisy, &Plain, epochs, rho)?;
        Ok([sgd, mixed, mixed_twice, vec![sam], vec![twice]])
    }
}

/// The accuracies of one way on test images, in percent.
#[derive(Serialize)]
struct Row {
    way: &'static str,
    /// For each share of wrong labels.
    accuracy: Vec<Spread>,
}

/// The better one of the lengths that way number `way` was trained for, on the whole.
fn best(way: usize, seeds: &[[Vec<f64>; 5]]) -> Spread {
    let lengths = 0..seeds[0][way].len();
    let spreads = lengths.map(|length| {
        let values: Vec<f64> = seeds.iter().map(|found| found[way][length]).collect();
        Spread::percent(&values)
    });
    spreads
        .max_by(|a, b| a.mean.total_cmp(&b.mean))
        .unwrap_or(Spread::of(&[]))
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let source = &options.source;
    println!(
        "{}; {} epochs, rho = {}, mixup's alpha = {}; accuracy on test images, %, over {} seeds, by the share of wrong \
         labels.\n",
        source.describe(),
        options.epochs,
        options.rho,
        options.alpha,
        source.seeds
    );
    let tests = source.tests()?;
    let mut settings = Vec::new();
    for noise in NOISE {
        settings.extend((0..source.seeds).zip(&tests).map(|(seed, test)| Setting {
            options: &options,
            test,
            noise,
            seed,
        }));
    }
    let found = side_by_side("settings", &settings, Setting::accuracies)?;
    let row = |(at, way): (usize, &'static str)| Row {
        way,
        accuracy: found
            .chunks(source.seeds as usize)
            .map(|seeds| best(at, seeds))
            .collect(),
    };
    let rows: Vec<Row> = WAYS.into_iter().enumerate().map(row).collect();

    let named = rows
        .iter()
        .map(|row| (row.way.to_owned(), &row.accuracy[..]));
    print_by_noise("", named);
    #[cfg(feature = "plot")]
    if let Some(path) = &options.source.plot {
        draw(&rows, path)?;
    }
    println!("\n{}", serde_json::json!({ "noise": NOISE, "rows": rows }));
    Ok(())
}

#[cfg(feature = "plot")]
fn draw(rows: &[Row], path: &std::path::Path) -> anyhow::Result<()> {
    use sam_examples::{Chart, Line};

    let line = |row: &Row| Line {
        name: row.way.to_owned(),
        points: NOISE
            .into_iter()
            .map(|noise| 100.0 * noise)
            .zip(row.accuracy.iter().copied())
            .collect(),
    };
    let chart = Chart {
        title: "Accuracy by wrong labels".to_owned(),
        x_label: "training images with a wrong label, %",
        y_label: "accuracy on test images, %",
        log: (false, false),
        lines: rows.iter().map(line).collect(),
    };
    Chart::save(&[chart], path)
}
