//! Test of what the digits are for: learnable, and ruined by label noise learnt by heart.

use dfdx::losses::cross_entropy_with_logits_loss;
use dfdx::nn::builders::{Linear, ReLU};
use dfdx::nn::{DeviceBuildExt, Module, ModuleMut, ZeroGrads};
use dfdx::optim::{Adam, Optimizer};
use dfdx::prelude::Rank1;
use dfdx::tensor::{Cpu, Trace};
use dfdx::tensor_ops::Backward;

use crate::nn::Built;

use super::super::{DataLoader, Dataset, Glyphs, LabelNoise, Sample, chunks};

type Perceptron = (
    (Linear<784, 256>, ReLU),
    (Linear<256, 256>, ReLU),
    Linear<256, 10>,
);
type OnCpu = Built<Perceptron>;

/// The percentage of samples whose largest output stands at their label.
fn accuracy(net: &OnCpu, ds: &impl Dataset<Item = Sample<Rank1<784>, 10>>) -> f32 {
    let mut right = 0;
    for (x, y) in chunks(ds, &Cpu::default(), 500) {
        let (outputs, targets) = (net.forward(x).as_vec(), y.as_vec());
        right += outputs
            .chunks(10)
            .zip(targets.chunks(10))
            .filter(|(outputs, target)| {
                let largest = (0..10).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b]));
                target[largest.expect("ten outputs")] == 1.0
            })
            .count();
    }
    100.0 * right as f32 / ds.len() as f32
}

/// Accuracies on (training labels, clean test images) after so many epochs of 4,000 images.
fn trained(noise: f64, epochs: usize) -> (f32, f32) {
    let dev = Cpu::seed_from_u64(0);
    let noisy = LabelNoise::symmetric(Glyphs::train(4_000, 1), noise, 3).unwrap();
    let loader = DataLoader::<_, 64>::new(noisy).unwrap();
    let mut net = dev.build_module::<Perceptron, f32>();
    let mut adam = Adam::new(&net, Default::default());
    let mut grads = net.alloc_grads();
    for epoch in 0..epochs {
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = cross_entropy_with_logits_loss(net.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            adam.update(&mut net, &grads).unwrap();
            net.zero_grads(&mut grads);
        }
    }
    (
        accuracy(&net, loader.dataset()),
        accuracy(&net, &Glyphs::test(1_000, 1)),
    )
}

#[test]
fn clean_digits_can_be_learnt() {
    let (_, test) = trained(0.0, 10);
    assert!((93.0..98.5).contains(&test), "{test}");
}

#[test]
fn wrong_labels_are_learnt_by_heart_and_cost_many_points() {
    let (_, early) = trained(0.4, 4);
    let (train, late) = trained(0.4, 20);
    assert!(train > 95.0, "{train}");
    assert!(early > 80.0 && late < early - 12.0, "{early} {late}");
}
