//! What m does: the error of networks that were trained with a perturbation for every m images, and how well m-sharpness
//! tells which network generalises; the paper's section 4.1. Needs no download.
//!
//! ```console
//! cargo run --release --example m_sharpness
//! cargo run --release --example m_sharpness --features plot -- --data DIR --plot m-sharpness.png
//! ```
//!
//! `DIR` holds the four IDX files of MNIST or Fashion-MNIST, plain or as `.gz`; without it digits are drawn.

use std::iter;

use clap::Parser;
use dfdx::prelude::*;
use sam_examples::{
    BATCH, Digits, Net, Plan, Source, Spread, accuracy_on, print_table, side_by_side, train,
};
use sam_runtime::{analysis::sharpness, prelude::*};
use serde::Serialize;

/// Images per perturbation in training.
const M: [usize; 3] = [4, 20, 100];
const RHO: [f64; 4] = [0.02, 0.05, 0.1, 0.2];
/// Learning rates: networks that differ in more than SAM.
const LR: [f64; 2] = [0.05, 0.1];
/// Images per perturbation where sharpness is measured, on the first of the training images.
const MEASURED_BY: [usize; 5] = [1, 4, 16, 64, 256];
const MEASURED_ON: usize = 512;
/// The radius there.
const MEASURED_AT: f64 = 0.05;
/// Only networks that give this share of the training images their label are compared by their sharpness: that of others is
/// high for another reason.
const LEARNED: f64 = 0.99;

/// Trains with several m and several rho, and relates m-sharpness to generalisation.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    source: Source,
    /// Passes over the training images
    #[arg(long, default_value_t = 20)]
    epochs: usize,
}

/// One training.
#[derive(Clone, Copy)]
struct Setting {
    m: usize,
    rho: f64,
    lr: f64,
    seed: u64,
}

/// What came of it.
struct Trained {
    /// On training images.
    error: f64,
    test_error: f64,
    /// For each of [`MEASURED_BY`].
    m_sharpness: [f64; 5],
}

impl Trained {
    /// The generalisation gap.
    fn gap(&self) -> f64 {
        self.test_error - self.error
    }
}

impl Setting {
    fn run(self, options: &Options, test: &Digits) -> anyhow::Result<Trained> {
        // All on the same images, or the gaps would differ by them.
        let images = options.source.train(0)?;
        let loader = DataLoader::new(images.clone())?.seed(self.seed);
        let plan = Plan {
            epochs: options.epochs,
            lr: self.lr,
            rho: self.rho,
            seed: self.seed,
        };
        let model = match self.m {
            4 => train::<4, _, _>(&plan, &loader),
            20 => train::<20, _, _>(&plan, &loader),
            _ => train::<100, _, _>(&plan, &loader),
        }?;
        Ok(Trained {
            error: 1.0 - accuracy_on(&model, &images),
            test_error: 1.0 - accuracy_on(&model, test),
            m_sharpness: m_sharpness(&model, &images)?,
        })
    }
}

/// For each of [`MEASURED_BY`].
fn m_sharpness(model: &Net, images: &Digits) -> anyhow::Result<[f64; 5]> {
    let dev = Cpu::default();
    let mut found = [0.0; 5];
    for (found, m) in found.iter_mut().zip(MEASURED_BY) {
        let batches = chunks(images, &dev, m).take(MEASURED_ON / m);
        let sharpness = sharpness(
            model,
            batches,
            MEASURED_AT,
            Norm::L2,
            |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            },
        )?;
        *found = sharpness.value();
    }
    Ok(found)
}

/// How two measures order pairs of networks (Jiang et al., [ICLR 2020](https://arxiv.org/abs/1912.02178)).
#[derive(Serialize)]
struct Agreement {
    /// Kendall's rank correlation, -1 to 1.
    tau: f64,
    /// The mutual information of the two orders, over the entropy of the second one: 0 to 1.
    information: f64,
}

impl Agreement {
    fn of(measure: &[f64], gap: &[f64]) -> Self {
        // Pairs of networks by how the measure orders them, and how the gap does.
        let mut pairs = [[0.0_f64; 3]; 3];
        for i in 0..gap.len() {
            for j in (0..gap.len()).filter(|&j| j != i) {
                let order = |values: &[f64]| values[i].total_cmp(&values[j]) as i8;
                let [a, b] = [order(measure), order(gap)].map(|order| (order + 1) as usize);
                pairs[a][b] += 1.0;
            }
        }
        let count: f64 = pairs.as_flattened().iter().sum();
        let share = |pairs: f64| pairs / count;
        let of_measure = pairs.map(|row| share(row.iter().sum()));
        let of_gap = [0, 1, 2].map(|b| share(pairs.iter().map(|row| row[b]).sum()));
        let entropy = |shares: &[f64]| -> f64 {
            let shares = shares.iter().filter(|share| **share > 0.0);
            -shares.map(|share| share * share.ln()).sum::<f64>()
        };
        let both: Vec<f64> = pairs.as_flattened().iter().copied().map(share).collect();
        let alike = pairs[0][0] + pairs[2][2] - pairs[0][2] - pairs[2][0];
        Self {
            tau: share(alike),
            information: (entropy(&of_measure) + entropy(&of_gap) - entropy(&both))
                / entropy(&of_gap),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let source = &options.source;
    let mut settings = Vec::new();
    // SGD has no m.
    let ways = M.into_iter().flat_map(|m| RHO.map(|rho| (m, rho)));
    for (m, rho) in iter::once((BATCH, 0.0)).chain(ways) {
        for lr in LR {
            settings.extend((0..source.seeds).map(|seed| Setting { m, rho, lr, seed }));
        }
    }
    println!(
        "{}; {} epochs; {} networks.\n",
        source.describe(),
        options.epochs,
        settings.len(),
    );
    let tests = source.tests()?;
    let found = side_by_side("trainings", &settings, |setting| {
        setting.run(&options, &tests[0])
    })?;

    // At the largest learning rate.
    let error = |m: usize, rho: f64| {
        let both = settings.iter().zip(&found);
        let errors = both.filter(|(it, _)| (it.m, it.rho, it.lr) == (m, rho, LR[1]));
        Spread::percent(
            &errors
                .map(|(_, found)| found.test_error)
                .collect::<Vec<_>>(),
        )
    };
    let errors: Vec<Vec<Spread>> = M
        .into_iter()
        .map(|m| RHO.into_iter().map(|rho| error(m, rho)).collect())
        .collect();
    println!(
        "Error on test images, %, over {} seeds, learning rate {}; SGD's is {}.\n",
        source.seeds,
        LR[1],
        error(BATCH, 0.0)
    );
    let columns = iter::once("m".to_owned()).chain(RHO.map(|rho| format!("rho = {rho}")));
    let rows = M.iter().zip(&errors).map(|(m, errors)| {
        let cells = errors.iter().map(Spread::to_string);
        iter::once(m.to_string()).chain(cells).collect()
    });
    print_table(&columns.collect::<Vec<_>>(), &rows.collect::<Vec<_>>());

    let learned: Vec<Trained> = found
        .into_iter()
        .filter(|found| 1.0 - found.error >= LEARNED)
        .collect();
    let gaps: Vec<f64> = learned.iter().map(Trained::gap).collect();
    let agreement = |at: usize| {
        let measured: Vec<f64> = learned.iter().map(|found| found.m_sharpness[at]).collect();
        Agreement::of(&measured, &gaps)
    };
    let agreements: Vec<Agreement> = (0..MEASURED_BY.len()).map(agreement).collect();
    println!(
        "\nm-sharpness at {MEASURED_AT} against the generalisation gap, over the {} networks that give {:.0} % of the \
         training images their label:\n",
        learned.len(),
        100.0 * LEARNED,
    );
    let columns = ["m", "rank correlation", "mutual information"].map(str::to_owned);
    let row = |(m, found): (usize, &Agreement)| {
        let of = |number: f64| format!("{number:.3}");
        vec![m.to_string(), of(found.tau), of(found.information)]
    };
    let rows = MEASURED_BY.into_iter().zip(&agreements).map(row);
    print_table(&columns, &rows.collect::<Vec<_>>());
    #[cfg(feature = "plot")]
    if let Some(path) = &options.source.plot {
        draw(&errors, &agreements, path)?;
    }
    let json = serde_json::json!({
        "m": M, "rho": RHO, "errors": errors, "measured_by": MEASURED_BY, "agreements": agreements,
    });
    println!("\n{json}");
    Ok(())
}

#[cfg(feature = "plot")]
fn draw(
    errors: &[Vec<Spread>],
    agreements: &[Agreement],
    path: &std::path::Path,
) -> anyhow::Result<()> {
    use sam_examples::{Chart, Line};

    let line = |(m, errors): (usize, &Vec<Spread>)| Line {
        name: format!("m = {m}"),
        points: RHO.into_iter().zip(errors.iter().copied()).collect(),
    };
    let trained = Chart {
        title: "Trained with a perturbation for every m images".to_owned(),
        x_label: "rho",
        y_label: "error on test images, %",
        log: (false, false),
        lines: M.into_iter().zip(errors).map(line).collect(),
    };
    let point = |(m, found): (usize, &Agreement)| (m as f64, Spread::of(&[found.information]));
    let measured = Chart {
        title: "m-sharpness and the generalisation gap".to_owned(),
        x_label: "m of the measure",
        y_label: "mutual information",
        log: (true, false),
        lines: vec![Line {
            name: format!("at {MEASURED_AT}"),
            points: MEASURED_BY.into_iter().zip(agreements).map(point).collect(),
        }],
    };
    Chart::save(&[trained, measured], path)
}
