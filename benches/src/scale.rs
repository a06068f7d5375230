//! What ranks cost: steps on one of them alone, on all without a word, and on all with the mean of their gradients, in turns in
//! one job; and the sum by size. `../scale.sh` runs it.
//!
//! ```text
//! mpirun -n 2 scale ROUNDS [mlp] [cnn] [resnet20] [sum]
//! ```

use std::{env, time::Instant};

use anyhow::{Context, Result, ensure};
use dfdx::{optim::*, prelude::*};
use sam_benches::{
    median,
    networks::{BATCH, CLASSES, Cnn, Input, Mlp, Network, batch},
};
use sam_runtime::{
    device::keep_freed_memory,
    distributed::{Averaged, Launched, World, agree, run, sum, sync_model},
    nn::ResNet20,
    prelude::*,
};

/// How often a row is timed, beside the first time.
struct Rounds(usize);

/// A step of SAM on this rank's own batch.
fn step<M, O, S>(
    model: &mut M,
    opt: &mut O,
    x: &Input<S, Cpu>,
    y: &Input<Rank2<BATCH, CLASSES>, Cpu>,
) where
    S: Shape,
    M: Network<S, BATCH, Cpu>,
    O: Optimizer<M, Cpu, f32>,
{
    let grads = model.alloc_grads();
    let grads = Sam::new(0.05).step(
        model,
        (x.clone(), y.clone()),
        grads,
        |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        },
    );
    opt.update(model, &grads.expect("the step"))
        .expect("the update");
}

impl Rounds {
    /// The medians, in milliseconds, of what takes turns; all ranks begin each of them together.
    fn race(&self, world: &Launched, contestants: &mut [&mut dyn FnMut()]) -> Result<Vec<f64>> {
        let mut times = vec![Vec::new(); contestants.len()];
        for round in 0..=self.0 {
            for (run, times) in contestants.iter_mut().zip(&mut times) {
                agree(world, false)?;
                let begin = Instant::now();
                run();
                // Until the last one is done.
                agree(world, false)?;
                if round > 0 {
                    times.push(begin.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        Ok(times.iter_mut().map(|times| median(times)).collect())
    }

    /// One row: a network.
    fn network<N, S>(&self, world: &Launched, name: &str, repeats: usize) -> Result<()>
    where
        N: BuildOnDevice<Cpu, f32>,
        N::Built: Network<S, BATCH, Cpu>,
        S: ConstShape,
    {
        let dev = Cpu::seed_from_u64(0);
        let (x, y) = batch::<S, BATCH, _>(&dev);
        let config = SgdConfig {
            lr: 0.01,
            ..Default::default()
        };
        let [mut own, mut shared] = [(); 2].map(|()| dev.build_module::<N, f32>());
        let mut own_opt = sam_runtime::optim::Sgd::new(&own, config);
        sync_model(world, &mut shared)?;
        let mut opt = Averaged::new(sam_runtime::optim::Sgd::new(&shared, config), world.clone());
        let (mut apart, mut apart_opt) = (dev.build_module::<N, f32>(), own_opt.clone());
        let is_first = world.rank() == 0;
        let mut alone = || {
            if is_first {
                (0..repeats).for_each(|_| step(&mut own, &mut own_opt, &x, &y));
            }
        };
        let mut apart = || (0..repeats).for_each(|_| step(&mut apart, &mut apart_opt, &x, &y));
        let mut together = || (0..repeats).for_each(|_| step(&mut shared, &mut opt, &x, &y));
        let times = self.race(world, &mut [&mut alone, &mut apart, &mut together])?;
        if is_first {
            let [alone, apart, together] = times[..] else {
                unreachable!("three took turns")
            };
            let [alone, apart, together] = [alone, apart, together].map(|ms| ms / repeats as f64);
            println!(
                "| {name} | {alone:.2} | {apart:.2} | {together:.2} | {:.1} % | {:.1} % |",
                100.0 * alone / together,
                100.0 * apart / together
            );
        }
        Ok(())
    }

    /// The sum of so many numbers over the ranks.
    fn sum(&self, world: &Launched, len: usize) -> Result<()> {
        let mut values = vec![1.0_f32; len];
        let repeats = (4_000_000 / len).clamp(1, 100);
        let mut sums = || {
            for _ in 0..repeats {
                sum(world, &mut values).expect("the ranks hear each other");
            }
        };
        let times = self.race(world, &mut [&mut sums])?;
        if world.rank() == 0 {
            println!("| {len} | {:.3} |", times[0] / repeats as f64);
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    keep_freed_memory();
    let mut args = env::args().skip(1);
    let rounds = args
        .next()
        .context("usage: scale ROUNDS [mlp] [cnn] [resnet20] [sum]")?;
    let rounds = Rounds(rounds.parse()?);
    let what: Vec<String> = args.collect();
    let is_asked = |name: &str| what.is_empty() || what.iter().any(|what| what == name);
    run(|world| {
        ensure!(world.size() > 1, "one rank has nobody to be compared with");
        if world.rank() == 0 {
            println!(
                "| SAM step, ms | one rank | all, apart | all, together | to one | to apart |"
            );
            println!("|---|---|---|---|---|---|");
        }
        if is_asked("mlp") {
            rounds.network::<Mlp, Rank2<BATCH, 784>>(&world, "MLP", 20)?;
        }
        if is_asked("cnn") {
            rounds.network::<Cnn, Rank4<BATCH, 1, 28, 28>>(&world, "CNN", 10)?;
        }
        if is_asked("resnet20") {
            rounds.network::<ResNet20<CLASSES>, Rank4<BATCH, 3, 32, 32>>(&world, "ResNet-20", 1)?;
        }
        if is_asked("sum") {
            if world.rank() == 0 {
                println!("\n| numbers (f32) | sum, ms |\n|---|---|");
            }
            for len in [
                1, 1_000, 30_000, 270_000, 670_000, 2_700_000, 11_000_000, 25_600_000,
            ] {
                rounds.sum(&world, len)?;
            }
        }
        Ok(())
    })
}
