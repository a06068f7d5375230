//! Random numbers that both passes share, from the device's own generator.

use dfdx::prelude::*;
use sam_runtime::{
    Sam,
    device::{rng_state, set_rng_state},
    step::last_report,
};

use crate::world::*;

type Net = (Linear<5, 64>, ReLU, Dropout, Linear<64, CLASSES>);
type Built = <Net as BuildOnDevice<Cuda, f64>>::Built;
type Flat = Rank2<ROWS, 5>;

fn model(dev: &Cuda) -> Built {
    let mut model = built::<Net, Cuda>(dev);
    model.2.p = 0.5;
    model
}

/// The loss at the weights, and right beside them.
fn losses(model: &mut Built, batch: Batch<Flat, Cuda>) -> (f64, f64) {
    let start = model.alloc_grads();
    Sam::new(1e-9).step(model, batch, start, loss).unwrap();
    let report = last_report().unwrap();
    (
        report.clean_loss().unwrap(),
        report.perturbed_loss().unwrap(),
    )
}

#[test]
fn both_passes_have_the_same_dropout_masks_and_each_step_its_own() {
    let dev = Cuda::seed_from_u64(5);
    let (mut model, batch) = (model(&dev), batches::<Flat, Cuda>(&dev, 1).remove(0));
    let mut seen: Vec<f64> = Vec::new();
    for _ in 0..6 {
        let (clean, perturbed) = losses(&mut model, batch.clone());
        assert!((clean - perturbed).abs() < 1e-6, "{clean} {perturbed}");
        assert!(seen.iter().all(|other| (other - clean).abs() > 1e-4));
        seen.push(clean);
    }
}

#[test]
fn a_step_draws_what_one_forward_pass_draws() {
    let (dev, plain) = (Cuda::seed_from_u64(5), Cuda::seed_from_u64(5));
    let batch = batches::<Flat, Cuda>(&dev, 1).remove(0);
    let same = batches::<Flat, Cuda>(&plain, 1).remove(0);
    let (mut model, mut other) = (model(&dev), model(&plain));
    for _ in 0..3 {
        losses(&mut model, batch.clone());
        let start = other.alloc_grads();
        loss(&mut other, same.clone(), start);
        assert_eq!(rng_state(&dev), rng_state(&plain));
    }
}

#[test]
fn a_device_that_goes_on_from_a_state_draws_what_the_other_would_have() {
    let dev = Cuda::seed_from_u64(5);
    let batch = batches::<Flat, Cuda>(&dev, 1).remove(0);
    let mut model = model(&dev);
    losses(&mut model, batch.clone());
    let state = rng_state(&dev).unwrap();
    let first = [(); 3].map(|()| losses(&mut model, batch.clone()));
    set_rng_state(&dev, &state);
    assert_eq!([(); 3].map(|()| losses(&mut model, batch.clone())), first);
}

#[test]
fn a_network_that_draws_nothing_leaves_the_users_generator_alone() {
    let (used, other) = (Cuda::seed_from_u64(8), Cuda::seed_from_u64(8));
    type Plain = (Linear<5, 8>, ReLU, Linear<8, CLASSES>);
    let mut model = built::<Plain, Cuda>(&used);
    let _: <Plain as BuildOnDevice<Cuda, f64>>::Built = Plain::build_on_device(&other);
    for batch in batches::<Flat, Cuda>(&used, 3) {
        let start = model.alloc_grads();
        Sam::new(0.1).step(&mut model, batch, start, loss).unwrap();
    }
    assert_eq!(used.random_u64(), other.random_u64());
}
