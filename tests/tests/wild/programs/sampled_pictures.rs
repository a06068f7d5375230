//! Batches are drawn by index and put together by hand; a moving average of the loss is printed.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};
use rand::prelude::*;
use std::error::Error;

const SIDE: usize = 2;
const CH: usize = 3;
const LEN: usize = SIDE * SIDE * CH;
const BATCH_SIZE: usize = 16;
const PERIOD: u64 = 5;
const DECAY: f64 = 0.995;

struct Picture {
    class: Class,
    bytes: Vec<u8>,
}
#[derive(Clone, Copy)]
#[repr(u8)]
#[allow(non_camel_case_types)]
enum Class {
    plane = 0,
    car,
    bird,
}

/// A moving average with yata's signature.
struct Moving {
    seen: Vec<f64>,
    n: usize,
}
impl Moving {
    fn new(n: u64, _: &f64) -> Result<Self, String> {
        Ok(Self {
            seen: vec![],
            n: n as usize,
        })
    }
    fn next(&mut self, v: &f64) -> f64 {
        self.seen.push(*v);
        let last = &self.seen[self.seen.len().saturating_sub(self.n)..];
        last.iter().sum::<f64>() / last.len() as f64
    }
}

type Quick = ((Linear<LEN, 16>, ReLU), Linear<16, 3>);

pub(crate) fn drive() {
    run().unwrap()
}

#[sam_train(rho = 0.05)]
fn run() -> Result<(), Box<dyn Error>> {
    let mut pictures = Vec::new();
    for i in 1..=2 {
        let mut more = read_file(format!("part_{}", i))?;
        pictures.append(&mut more);
    }
    let dev = Cpu::seed_from_u64(1);
    let mut rng = StdRng::seed_from_u64(7);
    let mut model = dev.build_module::<Quick, f64>();
    h::init(&mut model);
    let mut grads = model.alloc_grads();
    let mut opt: Sgd<_, f64, Cpu> = Sgd::new(
        &model,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let total = pictures.len();
    let mut sma = Moving::new(PERIOD, &0.0)?;
    for ep in 1..=h::steps() {
        let picked: Vec<usize> = [(); BATCH_SIZE]
            .iter()
            .map(|_| rng.gen_range(0..total))
            .collect();
        let mut pixels = Vec::new();
        let mut targets = Vec::new();
        for i in picked {
            if let Some(picture) = pictures.get(i) {
                let mut bytes = picture.bytes.clone();
                pixels.append(&mut bytes);
                let mut hot = [0f64; 3].to_vec();
                if let Some(el) = hot.get_mut(picture.class as usize) {
                    *el = 1.0;
                }
                targets.append(&mut hot);
            }
        }
        let x: Tensor<Rank2<BATCH_SIZE, LEN>, f64, Cpu> = dev.tensor(
            pixels
                .iter()
                .map(|x| *x as f64 / 255.0)
                .collect::<Vec<f64>>(),
        );
        let y: Tensor<Rank2<BATCH_SIZE, 3>, f64, Cpu> = dev.tensor(targets);
        let logits = model.forward_mut(x.trace(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let avg_err = sma.next(&(loss.array() as f64));
        if ep as u64 % PERIOD == 0 {
            println!(
                "#{: >-2} loss: {: >-3.4e} lr: {:.3e}",
                ep, avg_err, opt.cfg.lr
            );
            h::loss(avg_err);
        }
        grads = loss.backward();
        opt.update(&mut model, &grads).unwrap();
        model.zero_grads(&mut grads);
        if ep % 10 == 0 {
            let lr = opt.cfg.lr * DECAY;
            opt.cfg.lr = lr.max(0.0);
        }
    }
    h::done(&model);
    Ok(())
}

fn read_file(path: String) -> Result<Vec<Picture>, Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(path.len() as u64 + path.as_bytes()[5] as u64);
    Ok((0..40)
        .map(|i| {
            let class = [Class::plane, Class::car, Class::bird][i % 3];
            let bytes = (0..LEN)
                .map(|j| {
                    if j % 3 == i % 3 {
                        rng.gen_range(120..255)
                    } else {
                        rng.gen_range(0..140)
                    }
                })
                .collect();
            Picture { class, bytes }
        })
        .collect())
}
