//! Downloads a data set into a folder, with a progress bar.
//!
//! ```console
//! cargo run --release --features download --example download -- mnist --to DIR
//! ```
//!
//! Run again after an interruption, it goes on where it ended; with everything there, it only checks.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sam_runtime::data::download::{Downloader, Progress, Source};

/// Downloads a data set, with checksums, and goes on where an earlier download ended.
#[derive(Parser)]
struct Options {
    /// The data set
    set: Set,
    /// The folder for its files
    #[arg(long)]
    to: PathBuf,
    /// The URL of a folder with the same files, instead of the well-known ones; may be given several times
    #[arg(long)]
    mirror: Vec<String>,
    /// How often each mirror is tried
    #[arg(long, default_value_t = 3)]
    tries: u32,
    /// Seconds that a server may send nothing
    #[arg(long, default_value_t = 30)]
    stall: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Set {
    Mnist,
    FashionMnist,
    Kmnist,
    Cifar10,
    Cifar100,
    Svhn,
    SvhnExtra,
}

impl Set {
    fn source(self) -> Source {
        match self {
            Self::Mnist => Source::mnist(),
            Self::FashionMnist => Source::fashion_mnist(),
            Self::Kmnist => Source::kmnist(),
            Self::Cifar10 => Source::cifar10(),
            Self::Cifar100 => Source::cifar100(),
            Self::Svhn => Source::svhn(),
            Self::SvhnExtra => Source::svhn_extra(),
        }
    }
}

/// Shows a step of the download on the bar, and what matters later above it.
fn show(bar: &ProgressBar, progress: Progress<'_>) {
    match progress {
        Progress::Waiting => bar.set_message("waiting for another download into this folder"),
        Progress::Started {
            file,
            url,
            from,
            total,
        } => {
            bar.println(match from {
                0 => url.to_owned(),
                _ => format!("{url}, from byte {from}"),
            });
            bar.set_length(total);
            bar.set_position(from);
            bar.reset_eta();
            bar.set_message(file.to_owned());
        }
        Progress::Received { bytes, .. } => bar.set_position(bytes),
        Progress::Retrying { error, wait, .. } => {
            bar.println(format!("{error}\ntrying again in {wait:?}"));
        }
        Progress::NextMirror { error, .. } => {
            bar.println(format!("{error}\nasking another mirror"))
        }
        Progress::Unpacking { file } => bar.set_message(format!("unpacking {file}")),
        Progress::Done { file } => bar.println(format!("{file} is there")),
        _ => {}
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut source = options.set.source();
    if !options.mirror.is_empty() {
        source = source.mirrors(options.mirror);
    }
    let bar = ProgressBar::new(source.bytes()).with_style(ProgressStyle::with_template(
        "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {msg}",
    )?);
    let downloader = Downloader::new()
        .tries(options.tries)
        .stall_timeout(Duration::from_secs(options.stall));
    let fetched = downloader.fetch_with(&source, &options.to, |progress| show(&bar, progress));
    bar.finish_and_clear();
    fetched?;
    println!("{} is whole in {}", source.name(), options.to.display());
    Ok(())
}
