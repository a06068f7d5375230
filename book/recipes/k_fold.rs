//! Cross-validation: every sample is tested on once, by a network that hasn't learned from it.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::{Labelled, PartOf},
    prelude::*,
};

type Net = (Linear<784, 64>, ReLU, Linear<64, 10>);
type Digits = PartOf<Images<Rank1<784>, 10>>;

const FOLDS: usize = 5;

#[sam_train(rho = 0.05)]
fn train(digits: Digits) -> anyhow::Result<Built<Net>> {
    let dev = Cpu::seed_from_u64(0); // all folds begin with the same weights
    let loader = DataLoader::<_, 32>::new(digits)?;
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Sgd::new(
        &model,
        SgdConfig {
            lr: 0.1,
            ..Default::default()
        },
    );
    let mut grads = model.alloc_grads();
    for epoch in 0..10 {
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(model)
}

fn main() -> anyhow::Result<()> {
    let digits = Glyphs::train(1_000, 0);
    let mut found = Vec::new();
    for (fold, (train_set, test)) in digits.k_fold_stratified(FOLDS, 1)?.into_iter().enumerate() {
        let model = train(train_set)?;
        let right = accuracy(&model, chunks(&test, &Cpu::default(), 100));
        println!(
            "fold {}: accuracy {right:.3} on {} digits",
            fold + 1,
            test.len()
        );
        found.push(right);
    }
    let mean = found.iter().sum::<f64>() / FOLDS as f64;
    let squares: f64 = found.iter().map(|right| (right - mean).powi(2)).sum();
    let deviation = (squares / (FOLDS - 1) as f64).sqrt();
    println!("accuracy {mean:.3} ± {deviation:.3}; by chance 0.100");
    Ok(())
}
