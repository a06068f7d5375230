//! What share of SAM's gain under wrong labels is kept by what costs less: `label-noise DIR`, where DIR holds the four
//! files of MNIST; `label-noise DIR 3` takes three seeds, `label-noise DIR 0` the times alone. Ends with one line of JSON.
//!
//! The network and the data of `examples/mnist.rs`: 6,000 images, 40 % of them with a wrong label, 30 epochs. Each way's
//! rho is the one with which a training with seed 0 is best on the first half of the test images; what is reported
//! is the mean over the other seeds on the second half, after the last epoch.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, Result};
use dfdx::{optim::*, prelude::*};
use sam_benches::beside;
use sam_runtime::{
    analysis::correct,
    prelude::*,
    step::{
        When,
        methods::{LookSam, Msam},
    },
};

type Mlp = (
    (Linear<784, 256>, ReLU),
    (Linear<256, 256>, ReLU),
    Linear<256, 10>,
);
type Net = Built<Mlp>;
type Noisy = LabelNoise<TakeFirst<Images<Rank1<784>, 10>>>;
type Batch = (
    Tensor<Rank2<BATCH, 784>, f32, Cpu>,
    Tensor<Rank2<BATCH, 10>, f32, Cpu>,
);

const BATCH: usize = 100;
const IMAGES: usize = 6_000;
const EPOCHS: usize = 30;
/// Steps of a training.
const STEPS: u64 = (EPOCHS * IMAGES / BATCH) as u64;

/// One way to train.
struct Way {
    name: &'static str,
    radii: &'static [f64],
    sam: fn(Sam) -> Sam,
    /// The share of its steps that are SAM's, where that is a matter of the whole training.
    late: Option<f64>,
}

const fn way(name: &'static str, radii: &'static [f64], sam: fn(Sam) -> Sam) -> Way {
    Way {
        name,
        radii,
        sam,
        late: None,
    }
}

const fn late(name: &'static str, radii: &'static [f64], share: f64, sam: fn(Sam) -> Sam) -> Way {
    let late = Some(share);
    Way {
        late,
        ..way(name, radii, sam)
    }
}

/// The first step of the last `1 / part`.
const fn last(part: u64) -> When {
    When {
        start: STEPS - STEPS / part,
        ..When::ALWAYS
    }
}

const fn every(every: u64) -> When {
    When {
        every,
        ..When::ALWAYS
    }
}

const WAYS: &[Way] = &[
    way("SGD", &[0.0], |sam| sam),
    way("SAM", &[0.25, 0.5, 1.0], |sam| sam),
    way("LookSAM, k = 5", &[0.25, 0.5, 1.0], |sam| {
        sam.method(LookSam::default())
    }),
    way("LookSAM, k = 5, alpha = 0.1", &[0.5, 1.0], |sam| {
        let k = 5;
        sam.method(LookSam { k, alpha: 0.1 })
    }),
    way("MSAM", &[0.5, 1.0, 2.0, 4.0], |sam| {
        sam.method(Msam::default())
    }),
    late("SAM, last quarter", &[0.5, 1.0, 2.0], 0.25, |sam| {
        sam.when(last(4))
    }),
    late("SAM, last fifth", &[0.5, 1.0, 2.0], 0.2, |sam| {
        sam.when(last(5))
    }),
    late(
        "SAM, every 2nd step of the last half",
        &[0.5, 1.0, 2.0],
        0.25,
        |sam| {
            let start = last(2).start;
            sam.when(When { start, ..every(2) })
        },
    ),
    way("SAM, every 4th step", &[0.5, 1.0, 2.0], |sam| {
        sam.when(every(4))
    }),
    way("SAM, a quarter at random", &[0.5, 1.0, 2.0], |sam| {
        sam.when(When {
            probability: 0.25,
            ..When::ALWAYS
        })
    }),
];

/// A network in training.
struct Training {
    model: Net,
    opt: Sgd<Net, f32, Cpu>,
    grads: Option<Gradients<f32, Cpu>>,
}

impl Training {
    fn new(seed: u64) -> Self {
        let model = Cpu::seed_from_u64(seed).build_module::<Mlp, f32>();
        let config = SgdConfig {
            lr: 0.1,
            momentum: Some(Momentum::Classic(0.9)),
            weight_decay: None,
        };
        let (opt, grads) = (Sgd::new(&model, config), Some(model.alloc_grads()));
        Self { model, opt, grads }
    }

    fn step(&mut self, sam: &Sam, batch: Batch) -> Result<()> {
        let grads = self
            .grads
            .take()
            .context("a step before this one has failed")?;
        let mut grads = sam.step(&mut self.model, batch, grads, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        })?;
        self.opt.update(&mut self.model, &grads)?;
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
        Ok(())
    }
}

/// The data of one seed.
struct Data {
    folder: PathBuf,
    test: Images<Rank1<784>, 10>,
}

impl Data {
    fn loader(&self, seed: u64) -> Result<DataLoader<Noisy, BATCH>> {
        let images = Mnist::train(&self.folder)?.take_first(IMAGES);
        let noisy = LabelNoise::symmetric(images, 0.4, seed)?;
        Ok(DataLoader::new(noisy)?.seed(seed))
    }

    /// The accuracy on each half of the test images.
    fn trained(&self, way: &Way, rho: f64, seed: u64) -> Result<[f64; 2]> {
        let (dev, loader, mut training) = (Cpu::default(), self.loader(seed)?, Training::new(seed));
        let sam = (way.sam)(Sam::new(rho));
        for epoch in 0..EPOCHS {
            for batch in loader.epoch(&dev, epoch) {
                training.step(&sam, batch)?;
            }
        }
        let parts = self.test.len() / 500;
        let mut right = [0; 2];
        for (i, (x, y)) in chunks(&self.test, &dev, 500).enumerate() {
            right[usize::from(2 * i >= parts)] += correct(&training.model.forward(x), &y);
        }
        Ok(right.map(|right| right as f64 / (self.test.len() / 2) as f64))
    }

    /// Each way's time for a step over that of SGD, side by side.
    fn costs(&self) -> Result<Vec<f64>> {
        let loader = self.loader(0)?;
        let first = loader.epoch(&Cpu::default(), 0).next();
        let batch = first.context("there are no images")?;
        let run = |training: &mut Training, sam: &Sam| {
            for _ in 0..20 {
                let stepped = training.step(sam, batch.clone());
                stepped.expect("a step of a network that has just been made");
            }
        };
        let cost = |way: &Way| {
            let [mut base, mut training] = [Training::new(0), Training::new(0)];
            let (none, sam) = (Sam::new(0.0), (way.sam)(Sam::new(way.radii[0])));
            let (run_base, run_way) = (|| run(&mut base, &none), || run(&mut training, &sam));
            beside(run_base, run_way, 31).1
        };
        let mut costs: Vec<f64> = WAYS.iter().map(cost).collect();
        for (at, way) in WAYS.iter().enumerate() {
            if let Some(share) = way.late {
                // Those rounds don't come to its end.
                costs[at] = 1.0 - share + share * costs[1];
            }
        }
        Ok(costs)
    }
}

fn main() -> Result<()> {
    sam_runtime::device::keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: label-noise DIR [SEEDS]")?;
    let seeds: u64 = arguments.next().map_or(Ok(2), |n| n.parse())?;
    let folder = PathBuf::from(folder);
    let test = Mnist::test(&folder)?;
    let data = Data { folder, test };
    let costs = data.costs()?;
    if seeds == 0 {
        for (way, cost) in WAYS.iter().zip(costs) {
            println!("{}: {cost:.2}", way.name);
        }
        return Ok(());
    }
    println!("| | rho | time | accuracy, % | of SAM's gain |\n|---|---|---|---|---|");
    let mut rows: Vec<serde_json::Value> = Vec::new();
    let mut means = Vec::new();
    for (way, cost) in WAYS.iter().zip(costs) {
        let mut best = (f64::MIN, way.radii[0]);
        for &rho in way.radii.iter().filter(|_| way.radii.len() > 1) {
            let [found, _] = data.trained(way, rho, 0)?;
            eprintln!("{}, rho = {rho}: {:.1} %", way.name, 100.0 * found);
            if found > best.0 {
                best = (found, rho);
            }
        }
        let found: Vec<f64> = (1..=seeds)
            .map(|seed| Ok(data.trained(way, best.1, seed)?[1]))
            .collect::<Result<_>>()?;
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        means.push(mean);
        let share = match *means {
            [base, sam, ..] => (mean - base) / (sam - base),
            _ => 0.0,
        };
        let each: Vec<_> = found
            .iter()
            .map(|found| format!("{:.1}", 100.0 * found))
            .collect();
        println!(
            "| {} | {} | {cost:.2} | {:.1} ({}) | {:.0} % |",
            way.name,
            best.1,
            100.0 * mean,
            each.join(", "),
            100.0 * share,
        );
        std::io::stdout().flush()?;
        rows.push(serde_json::json!({
            "way": way.name, "rho": best.1, "time": cost, "accuracy": mean, "share": share,
        }));
    }
    println!("{}", serde_json::Value::from(rows));
    Ok(())
}
