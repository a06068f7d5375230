use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::OnDevice;

/// The command line of a training program: a configuration file, and changes to it.
#[derive(Args)]
pub struct Options {
    /// The configuration; left out, the one beside the program
    #[arg(long)]
    config: Option<PathBuf>,
    /// A change to it, such as `run.checkpoints.keep=5`; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The folder with the data [set: data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// The folder for what the run writes [set: run.out]
    #[arg(long)]
    out: Option<PathBuf>,
    /// With SAM, or with its base optimizer alone [set: run.rho]
    #[arg(long, value_enum)]
    optimizer: Option<Method>,
    /// SAM's radius [set: run.rho]
    #[arg(long, conflicts_with = "optimizer")]
    rho: Option<f64>,
    /// Passes over the training images [set: run.epochs]
    #[arg(long)]
    epochs: Option<usize>,
    /// Seeds the order, the augmentation, wrong labels and the initial weights [set: run.seed]
    #[arg(long)]
    seed: Option<u64>,
    /// How many training images to use, from the first on [set: train_images]
    #[arg(long)]
    train_images: Option<usize>,
    /// The share of training images that get a wrong label [set: label_noise]
    #[arg(long)]
    label_noise: Option<f64>,
    /// Go on from the last checkpoint in the folder [set: run.resume]
    #[arg(long)]
    resume: bool,
    /// One batch of everything, to see that it works [set: run.dry_run]
    #[arg(long)]
    dry_run: bool,
    /// Where to compute.
    #[command(flatten)]
    pub on: OnDevice,
}

/// How to train.
#[derive(Clone, Copy, ValueEnum)]
enum Method {
    Sgd,
    Sam,
}

impl Options {
    /// The configuration file.
    pub fn file(&self, default: &str) -> PathBuf {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(default);
        self.config.clone().unwrap_or_else(beside)
    }

    /// The changes to it.
    pub fn changes(&self) -> Vec<String> {
        let mut changes = Vec::new();
        let mut set = |key: &str, value: Option<String>| {
            changes.extend(value.map(|value| format!("{key}={value}")));
        };
        let path = |path: &Option<PathBuf>| {
            path.as_ref()
                .map(|p| format!("{:?}", p.display().to_string()))
        };
        set("data", path(&self.data));
        set("run.out", path(&self.out));
        let rho = match self.optimizer {
            Some(Method::Sgd) => Some(0.0),
            Some(Method::Sam) | None => self.rho,
        };
        set(
            "run.rho",
            rho.map(|rho| format!("{{ kind = 'constant', value = {rho:?} }}")),
        );
        set("run.epochs", self.epochs.map(|n| n.to_string()));
        set("run.seed", self.seed.map(|n| n.to_string()));
        set("train_images", self.train_images.map(|n| n.to_string()));
        set(
            "label_noise",
            self.label_noise.map(|share| format!("{share:?}")),
        );
        set("run.resume", self.resume.then(|| "true".to_owned()));
        set("run.dry_run", self.dry_run.then(|| "true".to_owned()));
        changes.extend_from_slice(&self.set);
        changes
    }
}
