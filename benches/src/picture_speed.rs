//! Images per second from JPEG files, beside torchvision: random resized crops to 224 x 224, flips, normalization,
//! then with changes of colours, then with RandAugment, in batches of 64, by two workers.
//!
//! `picture-speed --python PYTHON [FOLDER]`, where PYTHON has torch and torchvision, and FOLDER is one of JPEG files
//! in four folders; without one, 512 pictures of noise are made. See benches/README.md.

use std::time::Instant;

use anyhow::Result;
use dfdx::prelude::*;
use sam_benches::{median, worker::Worker};
use sam_runtime::{
    data::{Augment, ChannelStats, ImageFolder, Jitter},
    prelude::*,
};

const CLASSES: usize = 4;
const EACH: usize = 128;
const BATCH: usize = 64;
const ROUNDS: usize = 5;
const WORKERS: usize = 2;

fn main() -> Result<()> {
    sam_runtime::device::keep_freed_memory();
    let usage = "usage: picture-speed --python PYTHON [FOLDER]";
    let (mut torch, mut arguments) = Worker::peer("torch_pictures.py", usage)?;

    let made = tempfile::tempdir()?;
    let folder = match arguments.next() {
        Some(folder) => folder,
        None => {
            let folder = made.path().join("pictures").display().to_string();
            let size: f64 = torch
                .ask(&format!("make {folder} {CLASSES} {EACH}"))?
                .parse()?;
            println!("{} files of {:.0} kB", CLASSES * EACH, size / 1e3);
            folder
        }
    };
    let stats = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)];
    let stats = stats.map(|(mean, std)| ChannelStats { mean, std });
    let pictures = ImageFolder::<Rank3<3, 224, 224>, CLASSES>::open(&folder)?.normalized(&stats)?;
    let jitter = Jitter {
        brightness: 0.4,
        contrast: 0.4,
        saturation: 0.4,
        hue: 0.1,
    };
    let crop = Augment::imagenet();
    let ways = [
        ("crop", crop.clone()),
        ("jitter", crop.clone().color_jitter(jitter)?),
        ("rand", crop.randaugment(2, 9)?),
    ];
    let dev = Cpu::default();
    println!("images per second, medians of {ROUNDS} epochs in turns, {WORKERS} workers");
    println!(
        "{:<8}{:>8}{:>8}{:>8}{:>8}{:>8}",
        "steps", "here", "PIL", "ratio", "tensors", "ratio"
    );
    for (name, augment) in ways {
        let loader = DataLoader::<_, BATCH>::new(pictures.clone())?
            .augment(augment)
            .workers(WORKERS);
        let mut here = Vec::new();
        let mut there = [Vec::new(), Vec::new()];
        for (decoder, there) in ["pil", "tensor"].into_iter().zip(&mut there) {
            for round in 0..=ROUNDS {
                let start = Instant::now();
                let batches = loader.epoch(&dev, round).count();
                let speed = (batches * BATCH) as f64 / start.elapsed().as_secs_f64();
                let peer = torch.ask(&format!("epoch {folder} {name} {decoder} {WORKERS}"))?;
                // The first round warms both up.
                if round > 0 {
                    here.push(speed);
                    there.push(peer.parse::<f64>()?);
                }
            }
        }
        let here = median(&mut here);
        let [pil, tensors] = there.map(|mut there| median(&mut there));
        println!(
            "{name:<8}{here:>8.0}{pil:>8.0}{:>8.2}{tensors:>8.0}{:>8.2}",
            here / pil,
            here / tensors
        );
    }
    Ok(())
}
