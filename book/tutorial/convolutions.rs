//! Stage 4: convolutions, and schedules for the learning rate and rho.
//!
//! ```console
//! cargo run --release -p guide --example convolutions -- DIR
//! ```

use std::env;

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::{Augment, Cifar10},
    device::keep_freed_memory,
    nn::{Conv2DBatchNormReLU, Flatten2D, Linear, MaxPool2D},
    prelude::*,
};

const BATCH: usize = 128;
const EPOCHS: usize = 10;

type Cnn = (
    (Conv2DBatchNormReLU<3, 16, 3, 1, 1>, MaxPool2D<2, 2>),
    (Conv2DBatchNormReLU<16, 32, 3, 1, 1>, MaxPool2D<2, 2>),
    (Conv2DBatchNormReLU<32, 64, 3, 1, 1>, MaxPool2D<2, 2>),
    (Flatten2D, Linear<1024, 10>),
);
type Net = Built<Cnn>;
type Pictures = Images<Rank3<3, 32, 32>, 10>;
type Loader = DataLoader<TakeFirst<Pictures>, BATCH, Augment>;

/// What changes from step to step.
struct Plan {
    lr: Schedule,
    rho: Schedule,
}

/// One epoch: the mean loss.
#[sam_train(rho = plan.rho.at(step))]
fn train(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    loader: &Loader,
    plan: &Plan,
    dev: &Cpu,
    epoch: usize,
) -> Result<f32, Box<dyn std::error::Error>> {
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for (i, batch) in loader.try_epoch(dev, epoch).enumerate() {
        let (x, y) = batch?;
        let step = (epoch * loader.len() + i) as u64;
        opt.cfg.lr = plan.lr.at(step);
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        total += loss.array();
        grads = loss.backward();
        opt.update(model, &grads)?;
        model.zero_grads(&mut grads);
    }
    Ok(total / loader.len() as f32)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    keep_freed_memory();
    let dir = env::args().nth(1).unwrap_or_else(|| "data/cifar10".into());
    let images = Cifar10::train(&dir)?.normalized(&Cifar10::STATS)?;
    let test = Cifar10::test(&dir)?.normalized(&Cifar10::STATS)?;
    let loader: Loader = DataLoader::new(images.take_first(10_000))?
        .seed(0)
        .augment(Augment::basic());
    let steps = (EPOCHS * loader.len()) as u64;
    let plan = Plan {
        lr: Schedule::cosine(0.01, 0.0, steps),
        rho: Schedule::constant(0.05).with_warmup(steps / 10),
    };
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<Cnn, f32>();
    let config = SgdConfig {
        lr: 0.01,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: Some(WeightDecay::L2(5e-4)),
    };
    let mut opt = Sgd::new(&model, config);
    for epoch in 0..EPOCHS {
        let loss = train(&mut model, &mut opt, &loader, &plan, &dev, epoch)?;
        let accuracy = 100.0 * accuracy(&model, chunks(&test, &dev, 500));
        println!(
            "epoch {}: loss {loss:.3}, test accuracy {accuracy:.1} %",
            epoch + 1
        );
    }
    Ok(())
}
