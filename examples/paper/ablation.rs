//! What becomes of SAM in another norm, with more inner steps, with the second-order term: the paper's appendices C.4 to
//! C.6. Needs no download.
//!
//! ```console
//! cargo run --release --example ablation
//! cargo run --release --example ablation --features plot -- --data DIR --plot ablation.png
//! ```
//!
//! `DIR` holds the four IDX files of MNIST or Fashion-MNIST, plain or as `.gz`; without it digits are drawn.

use clap::Parser;
use dfdx::{optim::Optimizer, prelude::*};
use sam_examples::{
    BATCH, Digits, Net, Plan, Source, Spread, accuracy_on, print_table, side_by_side,
};
use sam_runtime::{analysis::sharpness_by, prelude::*, step::methods::LpSam};
use serde::Serialize;

/// Radii of balls in L1, L2 and L-infinity.
const NORMS: [(&str, Norm, [f64; 5]); 3] = [
    ("L1", Norm::L1, [0.1, 0.2, 0.5, 1.0, 2.0]),
    ("L2", Norm::L2, RADII),
    ("L-infinity", Norm::LINF, [1e-4, 2e-4, 5e-4, 1e-3, 2e-3]),
];
const RADII: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.3];
/// Inner steps, at the radius [`RHO`].
const STEPS: [usize; 4] = [1, 2, 3, 5];
const RHO: f64 = 0.1;
/// Every so many steps both updates are compared, that with the second-order term and that without.
const COMPARED_EVERY: usize = 10;

/// Trains by variants of SAM.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    source: Source,
    /// Passes over the training images
    #[arg(long, default_value_t = 20)]
    epochs: usize,
}

type Batch<B> = (
    Tensor<(B, Const<1>, Const<28>, Const<28>), f32, Cpu>,
    Tensor<(B, Const<10>), f32, Cpu>,
);

fn loss<B: Dim>(
    model: &mut Net,
    (x, y): Batch<B>,
    grads: Gradients<f32, Cpu>,
) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
    let logits = model.forward_mut(x.traced(grads));
    cross_entropy_with_logits_loss(logits, y)
}

/// One training.
struct Setting {
    sam: Sam,
    seed: u64,
    /// Whether its updates are compared to those with the second-order term.
    is_compared: bool,
}

/// What came of it.
struct Trained {
    accuracy: f64,
    /// `L(w + e) - L(w)` at the end, where one inner step finds `e`, and where five do.
    sharpness: [f64; 2],
    /// The cosine between the updates without and with the second-order term, by step.
    cosines: Vec<f64>,
}

impl Setting {
    fn run(&self, options: &Options, tests: &[Digits]) -> anyhow::Result<Trained> {
        let dev = Cpu::default();
        let images = options.source.train(self.seed)?;
        let loader = DataLoader::<_, BATCH>::new(images.clone())?.seed(self.seed);
        let plan = Plan {
            epochs: options.epochs,
            lr: 0.1,
            rho: 0.0,
            seed: self.seed,
        };
        let mut model = plan.initial();
        let mut opt = plan.optimizer(&model);
        let schedule = plan.schedule(loader.len());
        let mut cosines = Vec::new();
        let mut step = 0;
        for epoch in 0..plan.epochs {
            for batch in loader.epoch(&dev, epoch) {
                opt.cfg.lr = schedule.at(step as u64);
                let mut take = |sam: &Sam| {
                    let grads = model.alloc_grads();
                    sam.step(&mut model, batch.clone(), grads, loss)
                };
                let grads = take(&self.sam)?;
                if self.is_compared && step % COMPARED_EVERY == 0 {
                    let with_term = take(&self.sam.clone().method(WITH_TERM))?;
                    let both = [&grads, &with_term].map(|grads| flat(&model, grads));
                    cosines.push(cosine(&both[0], &both[1]));
                }
                opt.update(&mut model, &grads)?;
                step += 1;
            }
        }
        Ok(Trained {
            accuracy: accuracy_on(&model, &tests[self.seed as usize]),
            sharpness: [
                sharpness(&model, &images, 1)?,
                sharpness(&model, &images, 5)?,
            ],
            cosines,
        })
    }
}

const WITH_TERM: LpSam = LpSam {
    second_order: true,
    ..LpSam::ONE_STEP
};

fn inner_steps(steps: usize) -> LpSam {
    LpSam {
        steps,
        ..LpSam::ONE_STEP
    }
}

/// On ten batches.
fn sharpness(model: &Net, images: &Digits, steps: usize) -> anyhow::Result<f64> {
    let sam = Sam::new(RHO).method(inner_steps(steps));
    let batches = chunks(images, &Cpu::default(), BATCH).take(10);
    Ok(sharpness_by(&sam, model, batches, loss)?.value())
}

/// The gradients of all parameters, one after the other.
fn flat(model: &Net, grads: &Gradients<f32, Cpu>) -> Vec<f32> {
    let (_, (first, _), (second, _), last) = model;
    let layer = |weight: Vec<f32>, bias: Vec<f32>| [weight, bias].concat();
    [
        layer(
            grads.get(&first.weight).as_vec(),
            grads.get(&first.bias).as_vec(),
        ),
        layer(
            grads.get(&second.weight).as_vec(),
            grads.get(&second.bias).as_vec(),
        ),
        layer(
            grads.get(&last.weight).as_vec(),
            grads.get(&last.bias).as_vec(),
        ),
    ]
    .concat()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Trains by each of `ways` with each seed.
fn train_all(
    what: &str,
    ways: &[Sam],
    is_compared: bool,
    options: &Options,
    tests: &[Digits],
) -> anyhow::Result<Vec<Vec<Trained>>> {
    let seeds = options.source.seeds;
    let settings: Vec<Setting> = ways
        .iter()
        .flat_map(|sam| (0..seeds).map(|seed| (sam.clone(), seed)))
        .map(|(sam, seed)| Setting {
            sam,
            seed,
            is_compared,
        })
        .collect();
    let run = |setting: &Setting| setting.run(options, tests);
    let mut found = side_by_side(what, &settings, run)?.into_iter();
    let of_each = |_: &Sam| found.by_ref().take(seeds as usize).collect();
    Ok(ways.iter().map(of_each).collect())
}

fn accuracy(seeds: &[Trained]) -> Spread {
    Spread::percent(&seeds.iter().map(|it| it.accuracy).collect::<Vec<_>>())
}

/// Accuracy by radius.
#[derive(Serialize)]
struct Curve {
    name: String,
    points: Vec<(f64, Spread)>,
}

impl Curve {
    fn train(
        name: &str,
        radii: [f64; 5],
        of: impl Fn(f64) -> Sam,
        options: &Options,
        tests: &[Digits],
    ) -> anyhow::Result<Self> {
        let found = train_all(name, &radii.map(of), false, options, tests)?;
        let accuracies = found.iter().map(|seeds| accuracy(seeds));
        Ok(Self {
            name: name.to_owned(),
            points: radii.into_iter().zip(accuracies).collect(),
        })
    }
}

/// What inner steps do.
#[derive(Serialize)]
struct Inner {
    steps: usize,
    accuracy: Spread,
    /// Found by one inner step, and by five.
    sharpness: [Spread; 2],
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    println!(
        "{}; {} epochs; accuracy on test images, %, over {} seeds.\n",
        options.source.describe(),
        options.epochs,
        options.source.seeds,
    );
    let tests = options.source.tests()?;
    let sgd = train_all("SGD", &[Sam::new(0.0)], false, &options, &tests)?;
    println!("SGD: {}\n\nBy norm and rho:\n", accuracy(&sgd[0]));
    let mut curves = Vec::new();
    for (name, norm, radii) in NORMS {
        let curve = Curve::train(
            name,
            radii,
            |rho| Sam::new(rho).norm(norm),
            &options,
            &tests,
        )?;
        curves.push(curve);
    }
    let with_term = |rho| Sam::new(rho).method(WITH_TERM);
    curves.push(Curve::train(
        "L2, second order",
        RADII,
        with_term,
        &options,
        &tests,
    )?);
    print_curves(&curves);

    let ways = STEPS.map(|steps| Sam::new(RHO).method(inner_steps(steps)));
    let found = train_all("inner steps", &ways, false, &options, &tests)?;
    let inner = |(steps, seeds): (usize, &Vec<Trained>)| Inner {
        steps,
        accuracy: accuracy(seeds),
        sharpness: [0, 1]
            .map(|at| Spread::of(&seeds.iter().map(|it| it.sharpness[at]).collect::<Vec<_>>())),
    };
    let inner: Vec<Inner> = STEPS.into_iter().zip(&found).map(inner).collect();
    println!("\nBy inner steps, rho = {RHO}:\n");
    let columns = ["inner steps", "accuracy", "sharpness", "found in 5 steps"];
    let cells = |it: &Inner| {
        let [one, five] = it.sharpness;
        vec![
            it.steps.to_string(),
            it.accuracy.to_string(),
            format!("{one:.4}"),
            format!("{five:.4}"),
        ]
    };
    print_table(
        &columns.map(str::to_owned),
        &inner.iter().map(cells).collect::<Vec<_>>(),
    );

    let found = train_all("second order", &[Sam::new(RHO)], true, &options, &tests)?;
    let cosines = mean_by_step(&found[0]);
    println!("\nCosine of the updates without and with the second-order term, rho = {RHO}:\n");
    let quarters: Vec<f64> = cosines
        .chunks(cosines.len().div_ceil(4))
        .map(|part| part.iter().sum::<f64>() / part.len() as f64)
        .collect();
    let columns: Vec<String> = (1..=quarters.len())
        .map(|i| format!("quarter {i}"))
        .collect();
    print_table(
        &columns,
        &[quarters.iter().map(|it| format!("{it:.3}")).collect()],
    );
    #[cfg(feature = "plot")]
    if let Some(path) = &options.source.plot {
        draw(&curves, &inner, &cosines, path)?;
    }
    let json = serde_json::json!({
        "sgd": accuracy(&sgd[0]), "curves": curves, "inner": inner, "cosines": cosines,
    });
    println!("\n{json}");
    Ok(())
}

/// Each norm has radii of its own, so that each cell names its own.
fn print_curves(curves: &[Curve]) {
    let columns = ["", "rho: accuracy", "", "", "", ""].map(str::to_owned);
    let cells = |curve: &Curve| {
        let points = curve.points.iter();
        let cells = points.map(|(rho, accuracy)| format!("{rho}: {accuracy}"));
        [vec![curve.name.clone()], cells.collect()].concat()
    };
    print_table(&columns, &curves.iter().map(cells).collect::<Vec<_>>());
}

/// Over the seeds.
fn mean_by_step(seeds: &[Trained]) -> Vec<f64> {
    let steps = seeds.iter().map(|it| it.cosines.len()).min().unwrap_or(0);
    let mean = |at: usize| seeds.iter().map(|it| it.cosines[at]).sum::<f64>() / seeds.len() as f64;
    (0..steps).map(mean).collect()
}

#[cfg(feature = "plot")]
fn draw(
    curves: &[Curve],
    inner: &[Inner],
    cosines: &[f64],
    path: &std::path::Path,
) -> anyhow::Result<()> {
    use sam_examples::{Chart, Line};

    let line = |curve: &Curve| Line {
        name: curve.name.clone(),
        points: curve.points.clone(),
    };
    let sharpness = |(at, name): (usize, &str)| Line {
        name: name.to_owned(),
        points: inner
            .iter()
            .map(|it| (it.steps as f64, it.sharpness[at]))
            .collect(),
    };
    let cosine = |(i, cosine): (usize, &f64)| ((i * COMPARED_EVERY) as f64, Spread::of(&[*cosine]));
    let charts = [
        Chart {
            title: "Accuracy by norm and rho".to_owned(),
            x_label: "rho",
            y_label: "accuracy on test images, %",
            log: (true, false),
            lines: curves.iter().map(line).collect(),
        },
        Chart {
            title: format!("Sharpness at the end, rho = {RHO}"),
            x_label: "inner steps in training",
            y_label: "sharpness",
            log: (false, false),
            lines: ["found in 1 step", "found in 5 steps"]
                .into_iter()
                .enumerate()
                .map(sharpness)
                .collect(),
        },
        Chart {
            title: "With and without the second-order term".to_owned(),
            x_label: "step",
            y_label: "cosine of the two updates",
            log: (false, false),
            lines: vec![Line {
                name: "cosine".to_owned(),
                points: cosines.iter().enumerate().map(cosine).collect(),
            }],
        },
    ];
    Chart::save(&charts, path)
}
