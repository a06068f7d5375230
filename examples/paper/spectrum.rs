//! The Hessian's largest eigenvalues over a training with SGD and with SAM: the paper's figure 3. Needs no download.
//!
//! ```console
//! cargo run --release --features spectrum --example spectrum
//! cargo run --release --features spectrum,plot --example spectrum -- --data DIR --plot spectrum.png
//! ```
//!
//! `DIR` holds the four IDX files of MNIST or Fashion-MNIST, plain or as `.gz`; without it digits are drawn.

use clap::Parser;
use dfdx::prelude::*;
use sam_examples::{
    BATCH, Digits, Net, Plan, Source, Spread, WideNet, print_table, side_by_side, train_watched,
};
use sam_runtime::{
    analysis::{Objective, Search},
    prelude::*,
};
use serde::Serialize;

/// Measured after the first epoch, and after each of these shares of the training.
const SHARES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 1.0];
/// Training images that are measured on, from the first on.
const MEASURED_ON: usize = 1000;

/// Follows the largest eigenvalues over two trainings.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    source: Source,
    /// Passes over the training images
    #[arg(long, default_value_t = 60)]
    epochs: usize,
    /// SAM's radius
    #[arg(long, default_value_t = 0.2)]
    rho: f64,
}

/// What the spectrum was like at one time.
struct Found {
    epoch: usize,
    lambda_max: f64,
    /// `lambda_1 / lambda_5`.
    bulk_ratio: f64,
}

/// Images and labels of any number.
type Batch = (
    Tensor<(usize, Const<1>, Const<28>, Const<28>), f32, Cpu>,
    Tensor<(usize, Const<10>), f32, Cpu>,
);

fn loss(
    model: &mut WideNet,
    (x, y): Batch,
    grads: Gradients<f64, Cpu>,
) -> Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>> {
    let logits = model.forward_mut(x.to_dtype::<f64>().traced(grads));
    cross_entropy_with_logits_loss(logits, y.to_dtype::<f64>())
}

fn measure(model: &Net, epoch: usize, images: &Digits) -> anyhow::Result<Found> {
    let dev = Cpu::default();
    let batches = || chunks(images, &dev, 500).take(MEASURED_ON / 500);
    let mut objective = Objective::new(&model.to_dtype::<f64>(), batches, loss)?;
    let top = objective.eigenvalues(5, Search::default())?;
    Ok(Found {
        epoch,
        lambda_max: top.values[0],
        bulk_ratio: top.bulk_ratio().unwrap_or(f64::NAN),
    })
}

/// Trains with this rho, and measures on the way.
fn follow(options: &Options, rho: f64, seed: u64) -> anyhow::Result<(Net, Vec<Found>)> {
    let images = options.source.train(seed)?;
    let loader = DataLoader::new(images.clone())?.seed(seed);
    let plan = Plan {
        epochs: options.epochs,
        lr: 0.1,
        rho,
        seed,
    };
    let times = SHARES.map(|share| (share * plan.epochs as f64).round() as usize);
    let mut found = Vec::new();
    let model = train_watched::<BATCH, _, _>(&plan, &loader, |epoch, model| {
        if epoch == 1 || times.contains(&epoch) {
            found.push(measure(model, epoch, &images)?);
        }
        Ok(())
    })?;
    Ok((model, found))
}

/// The table's row for one time.
#[derive(Serialize)]
struct Row {
    epoch: usize,
    /// SGD and SAM.
    lambda_max: [Spread; 2],
    bulk_ratio: [Spread; 2],
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let source = &options.source;
    println!(
        "{}; {} epochs; rho = {}; the Hessian on {MEASURED_ON} of the images, over {} seeds.\n",
        source.describe(),
        options.epochs,
        options.rho,
        source.seeds,
    );
    let ways = [0.0, options.rho];
    let trainings: Vec<(f64, u64)> = ways
        .into_iter()
        .flat_map(|rho| (0..source.seeds).map(move |seed| (rho, seed)))
        .collect();
    let found = side_by_side("trainings", &trainings, |&(rho, seed)| {
        follow(&options, rho, seed)
    })?;
    let by_way: Vec<&[(Net, Vec<Found>)]> = found.chunks(source.seeds as usize).collect();
    let row = |at: usize| {
        let spread = |of: fn(&Found) -> f64| {
            [0, 1].map(|way| {
                let values = by_way[way].iter().map(|(_, found)| of(&found[at]));
                Spread::of(&values.collect::<Vec<_>>())
            })
        };
        Row {
            epoch: found[0].1[at].epoch,
            lambda_max: spread(|found| found.lambda_max),
            bulk_ratio: spread(|found| found.bulk_ratio),
        }
    };
    let rows: Vec<Row> = (0..found[0].1.len()).map(row).collect();

    let columns = [
        "after epoch",
        "SGD, lambda_max",
        "SAM, lambda_max",
        "SGD, lambda_1 / lambda_5",
        "SAM, lambda_1 / lambda_5",
    ];
    let cells = |row: &Row| {
        let spreads = row.lambda_max.iter().chain(&row.bulk_ratio);
        let mut cells = vec![row.epoch.to_string()];
        cells.extend(spreads.map(|spread| format!("{spread:.3}")));
        cells
    };
    print_table(
        &columns.map(str::to_owned),
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    #[cfg(feature = "plot")]
    if let Some(path) = &options.source.plot {
        let first = [0, 1].map(|way| &by_way[way][0].0);
        draw(&rows, first, &source.train(0)?, path)?;
    }
    println!("\n{}", serde_json::to_string(&rows)?);
    Ok(())
}

/// Points of the density of all eigenvalues.
#[cfg(feature = "plot")]
fn density(model: &Net, images: &Digits) -> anyhow::Result<Vec<(f64, Spread)>> {
    /// What is less likely is not drawn.
    const FLOOR: f64 = 1e-6;
    let dev = Cpu::default();
    let batches = || chunks(images, &dev, 500).take(MEASURED_ON / 500);
    let mut objective = Objective::new(&model.to_dtype::<f64>(), batches, loss)?;
    let found = objective.spectral_density(1, 60, 0)?;
    let (low, high) = found.range().unwrap_or((0.0, 1.0));
    let sigma = (high - low) / 100.0;
    let points = (-16..=416).map(|i| low + f64::from(i) * sigma / 4.0);
    let density = points.map(|x| (x, Spread::of(&[found.at(x, sigma).max(FLOOR)])));
    Ok(density.collect())
}

#[cfg(feature = "plot")]
fn draw(
    rows: &[Row],
    first: [&Net; 2],
    images: &Digits,
    path: &std::path::Path,
) -> anyhow::Result<()> {
    use sam_examples::{Chart, Line};

    let names = ["SGD", "SAM"];
    let over_epochs = |title: &str, y_label, of: fn(&Row) -> &[Spread; 2]| Chart {
        title: title.to_owned(),
        x_label: "epoch",
        y_label,
        log: (false, true),
        lines: [0, 1]
            .map(|way| Line {
                name: names[way].to_owned(),
                points: rows
                    .iter()
                    .map(|row| (row.epoch as f64, of(row)[way]))
                    .collect(),
            })
            .into(),
    };
    let density_of = |way: usize| -> anyhow::Result<Line> {
        Ok(Line {
            name: names[way].to_owned(),
            points: density(first[way], images)?,
        })
    };
    let densities = Chart {
        title: "Density of the eigenvalues at the end".to_owned(),
        x_label: "eigenvalue of the Hessian",
        y_label: "density",
        log: (false, true),
        lines: vec![density_of(0)?, density_of(1)?],
    };
    let charts = [
        over_epochs("The largest eigenvalue", "lambda_max", |row| {
            &row.lambda_max
        }),
        over_epochs("Largest over fifth", "lambda_1 / lambda_5", |row| {
            &row.bulk_ratio
        }),
        densities,
    ];
    Chart::save(&charts, path)
}
