//! Stage 3: the crate's data set and loader, with normalization and augmentation.
//!
//! ```console
//! cargo run --release -p guide --example loader -- DIR
//! ```

use std::env;

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::{Augment, Cifar10},
    nn::Flatten2D,
    prelude::*,
};

const BATCH: usize = 128;

type Mlp = (
    Flatten2D,
    (Linear<3072, 256>, ReLU),
    (Linear<256, 128>, ReLU),
    Linear<128, 10>,
);
type Net = Built<Mlp>;
type Pictures = Images<Rank3<3, 32, 32>, 10>;
type Loader = DataLoader<TakeFirst<Pictures>, BATCH, Augment>;

/// One epoch: the mean loss.
#[sam_train(rho = 0.05)]
fn train(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    loader: &Loader,
    dev: &Cpu,
    epoch: usize,
) -> Result<f32, Box<dyn std::error::Error>> {
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for batch in loader.try_epoch(dev, epoch) {
        let (x, y) = batch?;
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
    let dir = env::args().nth(1).unwrap_or_else(|| "data/cifar10".into());
    let images = Cifar10::train(&dir)?.normalized(&Cifar10::STATS)?;
    let test = Cifar10::test(&dir)?.normalized(&Cifar10::STATS)?;
    let loader: Loader = DataLoader::new(images.take_first(10_000))?
        .seed(0)
        .augment(Augment::basic());
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<Mlp, f32>();
    let config = SgdConfig {
        lr: 0.02,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: None,
    };
    let mut opt = Sgd::new(&model, config);
    for epoch in 0..10 {
        let loss = train(&mut model, &mut opt, &loader, &dev, epoch)?;
        let accuracy = 100.0 * accuracy(&model, chunks(&test, &dev, 500));
        println!(
            "epoch {}: loss {loss:.3}, test accuracy {accuracy:.1} %",
            epoch + 1
        );
    }
    Ok(())
}
