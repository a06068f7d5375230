//! Images per second of the loader, beside PyTorch's `DataLoader`: the same transforms (random crop with a
//! padding of 4, flip, normalization) on 10,000 images of 3 x 32 x 32, batches of 128.
//!
//! `loader-speed --python PYTHON`, where PYTHON has torch and torchvision; see benches/README.md.

use std::time::Instant;

use anyhow::Result;
use dfdx::prelude::*;
use sam_benches::{median, worker::Worker};
use sam_runtime::{
    data::{Augment, Cifar10},
    prelude::*,
};

const IMAGES: usize = 10_000;
const ROUNDS: usize = 7;

fn main() -> Result<()> {
    sam_runtime::device::keep_freed_memory();
    let usage = "usage: loader-speed --python PYTHON";
    let (mut torch, _) = Worker::peer("torch_loader.py", usage)?;

    let bytes = (0..IMAGES * 3072).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8);
    let classes = (0..IMAGES).map(|i| i % 10).collect();
    let images = Images::<Rank3<3, 32, 32>, 10>::new(bytes.collect(), classes)?;
    let images = images.normalized(&Cifar10::STATS)?;
    let loader = DataLoader::<_, 128>::new(images)?.augment(Augment::basic());
    let dev = Cpu::default();
    println!("images per second, medians of {ROUNDS} epochs in turns");
    println!("workers       here    PyTorch   ratio");
    for workers in [0, 1, 2] {
        let loader = loader.clone().workers(workers);
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let start = Instant::now();
            let batches = loader.epoch(&dev, round).count();
            let speed = (batches * 128) as f64 / start.elapsed().as_secs_f64();
            let peer: f64 = torch.ask(&format!("epoch {workers}"))?.parse()?;
            // The first round warms both up.
            if round > 0 {
                here.push(speed);
                there.push(peer);
            }
        }
        let (here, there) = (median(&mut here), median(&mut there));
        println!(
            "{workers:<7} {here:>10.0} {there:>10.0} {:>7.2}",
            here / there
        );
    }
    Ok(())
}
