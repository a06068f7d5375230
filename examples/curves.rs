//! Draws runs beside each other: accuracy and training loss by the gradients that they took, so that SGD and SAM stand at the
//! same cost.
//!
//! ```console
//! cargo run --release --features plot --example curves -- --to curves.svg runs/cifar10 runs/cifar10-sgd
//! ```

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use sam_examples::{Chart, Line, Spread};
use sam_runtime::run::metrics::{Record, names, read_jsonl};

/// Draws runs beside each other: accuracy and training loss by the gradients that they took.
#[derive(Parser)]
struct Options {
    /// The folders of the runs, at most six; their names are the legend
    #[arg(required = true, num_args = 1..=6)]
    runs: Vec<PathBuf>,
    /// The SVG or PNG file
    #[arg(long, default_value = "curves.svg")]
    to: PathBuf,
}

/// What a run has recorded under `name`, by thousands of gradients.
fn line(run: &Path, name: &str) -> anyhow::Result<Line> {
    let records = read_jsonl(run.join("metrics.jsonl"))?;
    // Each record of training has the mean of the steps since the one before it.
    let (mut gradients, mut from, mut a_step) = (0.0, 0, 1.0);
    let mut points = Vec::new();
    for record in &records {
        a_step = record.get(names::GRADIENTS).unwrap_or(a_step);
        gradients += a_step * (record.step - from) as f64;
        from = record.step;
        if let Some(value) = value(record, name) {
            let spread = Spread {
                mean: value,
                std: 0.0,
            };
            points.push((gradients / 1e3, spread));
        }
    }
    let folder = run.file_name().context("a run is a folder with a name")?;
    Ok(Line {
        name: folder.to_string_lossy().into_owned(),
        points,
    })
}

fn value(record: &Record, name: &str) -> Option<f64> {
    let scale = if name == "accuracy" { 100.0 } else { 1.0 };
    record.get(name).map(|value| scale * value)
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let chart = |title: &str, y_label, name| -> anyhow::Result<Chart> {
        let lines = options.runs.iter().map(|run| line(run, name));
        Ok(Chart {
            title: title.to_owned(),
            x_label: "gradients, thousands",
            y_label,
            log: (false, name == names::TRAIN_LOSS),
            lines: lines.collect::<Result<_, _>>()?,
        })
    };
    let charts = [
        chart("Accuracy", "accuracy on test images, %", "accuracy")?,
        chart("Training loss", "loss of an epoch", names::TRAIN_LOSS)?,
    ];
    Chart::save(&charts, &options.to)
}
