//! How accuracy depends on rho, for right and for wrong labels: the paper's table 8. Needs no download.
//!
//! ```console
//! cargo run --release --example rho
//! cargo run --release --example rho --features plot -- --data DIR --plot rho.png
//! ```
//!
//! `DIR` holds the four IDX files of MNIST or Fashion-MNIST, plain or as `.gz`; without it digits are drawn.

use clap::Parser;
use sam_examples::{
    BATCH, NOISE, Plan, Source, Spread, accuracy_on, print_by_noise, side_by_side, train,
};
use sam_runtime::prelude::*;
use serde::Serialize;

/// 0 is SGD.
const RHO: [f64; 8] = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];

/// Trains with each rho on images of which some have a wrong label.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    source: Source,
    /// Passes over the training images
    #[arg(long, default_value_t = 30)]
    epochs: usize,
}

/// The accuracies on test images with one rho, in percent.
#[derive(Serialize)]
struct Row {
    rho: f64,
    /// For each share of wrong labels.
    accuracy: Vec<Spread>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let source = &options.source;
    println!(
        "{}; {} epochs; accuracy on test images, %, over {} seeds, by the share of wrong labels.\n",
        source.describe(),
        options.epochs,
        source.seeds
    );
    let tests = source.tests()?;
    let mut trainings = Vec::new();
    for rho in RHO {
        for noise in NOISE {
            trainings.extend((0..source.seeds).map(|seed| (rho, noise, seed)));
        }
    }
    let accuracies = side_by_side("trainings", &trainings, |&(rho, noise, seed)| {
        let loader = DataLoader::new(source.noisy(noise, seed)?)?.seed(seed);
        let plan = Plan {
            epochs: options.epochs,
            lr: 0.1,
            rho,
            seed,
        };
        let model = train::<BATCH, _, _>(&plan, &loader)?;
        Ok(accuracy_on(&model, &tests[seed as usize]))
    })?;
    let mut spreads = accuracies
        .chunks(source.seeds as usize)
        .map(Spread::percent);
    let rows: Vec<Row> = RHO
        .into_iter()
        .map(|rho| Row {
            rho,
            accuracy: spreads.by_ref().take(NOISE.len()).collect(),
        })
        .collect();

    let named = rows
        .iter()
        .map(|row| (row.rho.to_string(), &row.accuracy[..]));
    print_by_noise("rho", named);
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

    let line = |(at, noise): (usize, f64)| Line {
        name: format!("{:.0} % wrong", 100.0 * noise),
        // SGD has no place on a logarithmic axis.
        points: rows[1..]
            .iter()
            .map(|row| (row.rho, row.accuracy[at]))
            .collect(),
    };
    let chart = Chart {
        title: "Accuracy by rho".to_owned(),
        x_label: "rho",
        y_label: "accuracy on test images, %",
        log: (true, false),
        lines: NOISE.into_iter().enumerate().map(line).collect(),
    };
    Chart::save(&[chart], path)
}
