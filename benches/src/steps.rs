//! Training steps here, for `compare`: the same networks, shapes and optimizer as in
//! `../peers/torch_steps.py`.
//!
//! Speaks lines on stdin and stdout, and sleeps in between:
//!
//! ```text
//! versions                           -> sam-runtime 0.1.0
//! parameters NETWORK LAYOUT          -> how many numbers are trained
//! run NETWORK LAYOUT base|sam STEPS  -> milliseconds per step
//! quit
//! ```
//!
//! NETWORK is mlp, cnn or resnet20. LAYOUT is contiguous: there is one.

use std::{collections::HashMap, io, time::Instant};

use anyhow::{Context, Result, bail};
use dfdx::prelude::*;
use sam_benches::networks::{BATCH, CLASSES, Cnn, Input, Mlp, Network, Training, batch};
use sam_runtime::nn::ResNet20;

/// A network with its data. Each of the two steps has its own copy of the weights, made when it is first
/// asked for, so that memory is that of one.
struct Work<M, S: Shape> {
    build: fn(&Cpu) -> M,
    dev: Cpu,
    base: Option<Training<M, Cpu>>,
    sam: Option<Training<M, Cpu>>,
    x: Input<S, Cpu>,
    y: Input<Rank2<BATCH, CLASSES>, Cpu>,
}

/// Any [`Work`].
trait Steps {
    fn parameters(&self) -> usize;
    fn base(&mut self);
    fn sam(&mut self);
}

impl<M, S: Shape> Steps for Work<M, S>
where
    M: Network<S, BATCH, Cpu>,
{
    fn parameters(&self) -> usize {
        (self.build)(&self.dev).num_trainable_params()
    }

    fn base(&mut self) {
        self.base
            .get_or_insert_with(|| Training::new((self.build)(&self.dev)))
            .base(self.x.clone(), self.y.clone());
    }

    fn sam(&mut self) {
        self.sam
            .get_or_insert_with(|| Training::new((self.build)(&self.dev)))
            .sam(self.x.clone(), self.y.clone());
    }
}

fn work<N, S>() -> Box<dyn Steps>
where
    N: BuildOnDevice<Cpu, f32> + 'static,
    N::Built: Network<S, BATCH, Cpu> + 'static,
    S: ConstShape,
{
    let dev = Cpu::seed_from_u64(0);
    let (x, y) = batch(&dev);
    Box::new(Work {
        build: |dev| dev.build_module::<N, f32>(),
        base: None,
        sam: None,
        x,
        y,
        dev,
    })
}

fn named(network: &str) -> Result<Box<dyn Steps>> {
    Ok(match network {
        "mlp" => work::<Mlp, Rank2<BATCH, 784>>(),
        "cnn" => work::<Cnn, Rank4<BATCH, 1, 28, 28>>(),
        "resnet20" => work::<ResNet20<CLASSES>, Rank4<BATCH, 3, 32, 32>>(),
        _ => bail!("no network is named {network}"),
    })
}

fn main() -> Result<()> {
    let mut works = HashMap::new();
    for line in io::stdin().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["versions"] => println!("sam-runtime {}", env!("CARGO_PKG_VERSION")),
            ["parameters", network, "contiguous"] => println!("{}", named(network)?.parameters()),
            ["run", network, "contiguous", step, steps] => {
                let steps: u32 = steps.parse().context("STEPS is a number")?;
                if !works.contains_key(network) {
                    works.insert(network.to_owned(), named(network)?);
                }
                let work = works.get_mut(network).expect("it was just made");
                let start = Instant::now();
                for _ in 0..steps {
                    match step {
                        "base" => work.base(),
                        "sam" => work.sam(),
                        _ => bail!("no step is named {step}"),
                    }
                }
                println!("{}", start.elapsed().as_secs_f64() * 1e3 / f64::from(steps));
            }
            ["quit"] => break,
            _ => bail!("what is {line:?}?"),
        }
    }
    Ok(())
}
