//! Draws the book's plots from runs that it makes, and writes the tables beside them.
//!
//! ```console
//! cargo run --release -p guide --example figures -- --data DIR --to book/src/images
//! ```
//!
//! `DIR` holds the four IDX files of MNIST, plain or as `.gz`. All runs train 784-256-256-10 on the
//! first 6,000 training images for 30 epochs, with SGD (learning rate 0.1, momentum 0.9) as the base
//! optimizer; figures and tables are means over three seeds.

mod chart;
mod epochs;
mod experiment;
mod radius;
mod samples;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use sam_runtime::device::keep_freed_memory;

/// Draws the book's plots from runs that it makes.
#[derive(Parser)]
struct Arguments {
    /// The folder with the files of MNIST
    #[arg(long)]
    data: PathBuf,
    /// The folder for plots and tables
    #[arg(long)]
    to: PathBuf,
    /// This one alone
    #[arg(long, value_enum)]
    only: Option<Figure>,
    /// How many seeds to take means over
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Passes over the training images
    #[arg(long, default_value_t = 30)]
    epochs: usize,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Figure {
    Epochs,
    Radius,
    Samples,
}

fn main() -> anyhow::Result<()> {
    keep_freed_memory();
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.to)?;
    let wanted = |figure| arguments.only.is_none_or(|only| only == figure);
    if wanted(Figure::Epochs) {
        epochs::draw(&arguments)?;
    }
    if wanted(Figure::Radius) {
        radius::draw(&arguments)?;
    }
    if wanted(Figure::Samples) {
        samples::draw(&arguments)?;
    }
    Ok(())
}
