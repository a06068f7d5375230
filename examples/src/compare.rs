use std::time::Instant;

use dfdx::{optim::*, prelude::*};
use indicatif::{ProgressBar, ProgressStyle};
use sam_runtime::prelude::*;

use crate::{BATCH, Comparison, Mlp, Network, Noisy, evaluate};

/// One training run: what a training function is given beside the model and the optimizer.
pub struct Run<'a, D> {
    /// Where to compute.
    pub device: &'a D,
    /// The training data.
    pub loader: &'a DataLoader<Noisy, BATCH>,
    /// Passes over the data.
    pub epochs: usize,
    /// SAM's radius.
    pub rho: f64,
    /// Advances by one with every step; silent where the output is not a terminal.
    pub bar: ProgressBar,
}

type Train<N, D> = fn(&mut N, &mut Sgd<N, f32, D>, &Run<'_, D>) -> anyhow::Result<()>;

/// Trains the same network, from the same weights and on the same batches, with `sgd` and `sam`.
pub fn compare<D: Device<f32>>(
    device: &D,
    train: Noisy,
    test: &impl Dataset<Item = Sample<Rank1<784>, 10>>,
    (epochs, rho, seed): (usize, f64, u64),
    sgd: Train<<Mlp as BuildOnDevice<D, f32>>::Built, D>,
    sam: Train<<Mlp as BuildOnDevice<D, f32>>::Built, D>,
) -> anyhow::Result<Comparison>
where
    Mlp: BuildOnDevice<D, f32>,
    <Mlp as BuildOnDevice<D, f32>>::Built: Network<Rank1<784>, BATCH, D>,
{
    let start = Instant::now();
    println!(
        "{} training images, {} of them with a wrong label; {} test images; {epochs} epochs",
        train.len(),
        train.changed(),
        test.len(),
    );
    let loader = DataLoader::new(train)?.seed(seed);
    let initial = Mlp::build_on_device(device);
    let run = |name: &'static str, train: Train<_, D>| {
        let mut model = initial.clone();
        let config = SgdConfig {
            lr: 0.1,
            momentum: Some(Momentum::Classic(0.9)),
            weight_decay: None,
        };
        let mut opt = Sgd::new(&model, config);
        let run = Run {
            device,
            loader: &loader,
            epochs,
            rho,
            bar: bar(name, epochs * loader.len()),
        };
        let begin = Instant::now();
        train(&mut model, &mut opt, &run)?;
        run.bar.finish();
        evaluate(device, &model, &loader, test, rho, begin)
    };
    let (sgd, sam) = (run("SGD", sgd)?, run("SAM", sam)?);
    Ok(Comparison {
        sgd,
        sam,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// A progress bar over `steps` steps; silent where the output is not a terminal.
pub fn bar(name: &'static str, steps: usize) -> ProgressBar {
    let style = "{prefix} {wide_bar:.cyan/blue} {pos}/{len} steps, {eta} left, loss {msg}";
    let style = ProgressStyle::with_template(style).expect("the template is valid");
    ProgressBar::new(steps as u64)
        .with_style(style)
        .with_prefix(name)
}
