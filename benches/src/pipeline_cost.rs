//! What a run costs beside its steps: the loader, metrics in three files, and the progress, on an MLP
//! 784-256-256-10 with batches of 100. Checkpoints and evaluations come once an epoch and are not in it.
//!
//! `pipeline-cost [WORKERS]`: of the loader, none if left out.

use std::time::Instant;

use dfdx::{optim::Optimizer, prelude::*};
use sam_benches::{Contestant, median};
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig},
};

const B: usize = 100;
const STEPS: usize = 10;
const ROUNDS: usize = 151;

type Mlp = (
    (Linear<784, 256>, ReLU),
    (Linear<256, 256>, ReLU),
    Linear<256, 10>,
);
type Net = Built<Mlp>;
type Opt = AnyOptimizer<Net, f32, Cpu>;
type Batch = (
    Tensor<Rank2<B, 784>, f32, Cpu>,
    Tensor<Rank2<B, 10>, f32, Cpu>,
);

/// Steps and nothing else.
struct Bare<I> {
    model: Net,
    opt: Opt,
    grads: Option<Gradients<f32, Cpu>>,
    batches: I,
}

impl<I: Iterator<Item = Batch>> Bare<I> {
    fn epoch(&mut self, steps: usize) {
        for _ in 0..steps {
            let (x, y) = self.batches.next().unwrap();
            self.step(x, y);
        }
    }

    #[sam_train(rho = 0.05)]
    fn step(&mut self, x: Tensor<Rank2<B, 784>, f32, Cpu>, y: Tensor<Rank2<B, 10>, f32, Cpu>) {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
    }
}

/// The same steps in a run.
struct Whole<I> {
    run: Run<Net>,
    model: Net,
    opt: Opt,
    grads: Option<Gradients<f32, Cpu>>,
    batches: I,
}

impl<I: Iterator<Item = Batch>> Whole<I> {
    fn epoch(&mut self, steps: usize) {
        for _ in 0..steps {
            let (x, y) = self.batches.next().expect("the epoch is long enough");
            self.step(x, y);
        }
    }

    #[sam_train(rho = self.run.rho())]
    fn step(&mut self, x: Tensor<Rank2<B, 784>, f32, Cpu>, y: Tensor<Rank2<B, 10>, f32, Cpu>) {
        self.opt.set_lr(self.run.lr());
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        self.run.saw(loss.array(), B);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.run.step(&self.model, &self.opt).unwrap();
        self.grads = Some(grads);
    }
}

/// `n` images of noise.
fn images(n: usize) -> Images<Rank1<784>, 10> {
    let pixels = (0..n * 784).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8);
    let classes = (0..n).map(|i| i % 10).collect();
    Images::new(pixels.collect(), classes).unwrap()
}

fn main() -> anyhow::Result<()> {
    sam_runtime::device::keep_freed_memory();
    let workers = std::env::args().nth(1).map_or(Ok(0), |n| n.parse())?;
    let dir = tempfile::tempdir()?;
    let text = format!(
        "out = {:?}\nepochs = 1\nrho = {{ kind = 'constant', value = 0.05 }}\n\
         optimizer = {{ kind = 'sgd', lr = 0.01, momentum = 0.9 }}",
        dir.path().join("run")
    );
    let config: RunConfig = toml::from_str(&text)?;
    let dev = Cpu::seed_from_u64(0);
    let loader = DataLoader::<_, B>::new(images(60_000))
        .unwrap()
        .workers(workers);
    let initial: Net = dev.build_module::<Mlp, f32>();
    let opt = |model: &Net| AnyOptimizer::new(model, &config.optimizer).unwrap();
    fn bare<I: Iterator<Item = Batch>>(model: Net, opt: Opt, batches: I) -> Bare<I> {
        Bare {
            opt,
            grads: Some(model.alloc_grads()),
            model,
            batches,
        }
    }
    // A whole epoch: as in any training, a batch is in no cache when its step begins.
    let ready: Vec<Batch> = loader.epoch(&dev, 0).collect();
    let ready = || ready.clone().into_iter().cycle();
    // Several epochs in one: the iterator must not end.
    let loaded = || (0..).flat_map(|epoch: usize| loader.epoch(&dev, epoch));
    let mut first = bare(initial.clone(), opt(&initial), ready());
    let mut again = bare(initial.clone(), opt(&initial), ready());
    let mut with_loader = bare(initial.clone(), opt(&initial), loaded());
    let (mut model, mut state) = (initial.clone(), opt(&initial));
    let mut run = Run::start(&config, &config, &mut model, &mut state)?;
    run.next_epoch(loader.len()).unwrap();
    let mut whole = Whole {
        run,
        grads: Some(model.alloc_grads()),
        model,
        opt: state,
        batches: loaded(),
    };
    let contestant = |name, run| Contestant { name, run };
    let mut contestants = [
        contestant("batches that are ready", Box::new(|| first.epoch(STEPS))),
        contestant("with the loader", Box::new(|| with_loader.epoch(STEPS))),
        contestant(
            "with loader, metrics, progress",
            Box::new(|| whole.epoch(STEPS)),
        ),
        contestant(
            "batches that are ready, again",
            Box::new(|| again.epoch(STEPS)),
        ),
    ];
    // The machine's speed drifts by more than what is measured: each round is compared with itself.
    let mut ms = vec![Vec::new(); contestants.len()];
    let mut more = vec![Vec::new(); contestants.len()];
    for round in 0..=ROUNDS {
        let times = contestants.each_mut().map(|contestant| {
            let start = Instant::now();
            (contestant.run)();
            start.elapsed().as_secs_f64() * 1e3 / STEPS as f64
        });
        // The first round warms up.
        if round > 0 {
            let ready = (times[0] + times[3]) / 2.0;
            for (i, time) in times.iter().enumerate() {
                ms[i].push(*time);
                more[i].push(100.0 * (time / ready - 1.0));
            }
        }
    }
    println!(
        "ms per SAM step of an MLP 784-256-256-10, batches of 100: medians of {ROUNDS} rounds"
    );
    for (Contestant { name, .. }, (ms, more)) in
        contestants.iter().zip(ms.iter_mut().zip(&mut more))
    {
        println!("{name:<32} {:.3}  {:+.1} %", median(ms), median(more));
    }
    Ok(())
}
