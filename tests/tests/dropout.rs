//! Both passes of a step see the same dropout masks, and every step other ones: those that the plain loop has,
//! from the generator of the user's own device.
//!
//! The loss here is linear in the weights, so its gradient is the mean of the masked inputs,
//! wherever it is taken: with the same mask in both passes the SAM gradient is the clean one.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{Sam, prelude::*};
use sam_tests::*;

const B: usize = 4;
const I: usize = 32;

type Net = (Dropout, Linear<I, 1>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Input = Tensor<Rank2<B, I>, f64, Cpu>;

macro_rules! one_step {
    ($name:ident, $($keys:tt)*) => {
        #[sam_train(rho = 0.5, $($keys)*)]
        fn $name(model: &mut Built, x: Input) -> Gradients<f64, Cpu> {
            let mut opt = sgd(model, 0.0);
            let grads = model.alloc_grads();
            let loss = model.forward_mut(x.traced(grads)).mean();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            grads
        }
    };
}

one_step!(whole,);
one_step!(in_pairs, m = 2);
one_step!(one_by_one, m = 1);

fn start(seed: u64) -> (Built, Input) {
    let dev = Cpu::seed_from_u64(seed);
    let model = dev.build_module::<Net, f64>();
    // Rows of ones: an element of the gradient is the mean of its masks, 0 or 2 each.
    (model, dev.ones())
}

/// The means of the masks: the gradient less its last element, the bias's.
fn masks(model: &Built, gradients: &Gradients<f64, Cpu>) -> Vec<f64> {
    let mut means = gradient(model, gradients);
    means.pop();
    means
}

#[test]
fn the_masks_of_both_passes_are_the_same() {
    let (mut model, x) = start(1);
    for _ in 0..10 {
        let grads = whole(&mut model, x.clone());
        let report = last_report().unwrap();
        let g = gradient(&model, &grads);
        assert!(g.contains(&1.0) && g.iter().any(|x| *x != 1.0), "no mask");
        assert_eq!(report.gradient_norm(), Some(norm(&g, 2.0)));
        // Linear: the loss rises by exactly rho ||g||.
        let rise = report.sharpness().unwrap() - 0.5 * norm(&g, 2.0);
        assert!(rise.abs() < 1e-12);
    }
}

#[test]
fn the_masks_of_both_passes_are_the_same_in_each_chunk() {
    let (mut model, x) = start(1);
    for step in [in_pairs, one_by_one] {
        for _ in 0..10 {
            step(&mut model, x.clone());
            let report = last_report().unwrap();
            // The mean over the chunks of rho ||g||.
            let expected = 0.5 * report.gradient_norm().unwrap();
            assert!((report.sharpness().unwrap() - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn the_masks_of_both_passes_are_the_same_through_the_closure() {
    let (mut model, x) = start(1);
    for _ in 0..10 {
        let grads = model.alloc_grads();
        let grads = Sam::new(0.5)
            .step(&mut model, x.clone(), grads, |model, x, grads| {
                model.forward_mut(x.traced(grads)).mean()
            })
            .unwrap();
        let expected = norm(&gradient(&model, &grads), 2.0);
        assert_eq!(last_report().unwrap().gradient_norm(), Some(expected));
    }
}

#[test]
fn chunks_have_masks_of_their_own() {
    let (mut model, x) = start(1);
    for _ in 0..3 {
        let grads = one_by_one(&mut model, x.clone());
        // With one mask for all four chunks, the mean of the masks would be 0 or 2.
        let means = masks(&model, &grads);
        assert!(means.iter().any(|mean| *mean != 0.0 && *mean != 2.0));
    }
}

/// Whether no two of these are alike; two random masks of 128 elements never are.
fn all_differ(masks: &[Vec<f64>]) -> bool {
    (1..masks.len()).all(|i| !masks[..i].contains(&masks[i]))
}

#[test]
fn every_step_has_other_masks() {
    let (mut model, x) = start(1);
    let mut seen = Vec::new();
    for _ in 0..20 {
        let grads = whole(&mut model, x.clone());
        seen.push(masks(&model, &grads));
    }
    assert!(all_differ(&seen));
}

#[test]
fn every_step_has_other_masks_also_where_many_models_take_turns() {
    let mut models: Vec<(Built, Input)> = (0..4).map(start).collect();
    let mut seen = vec![Vec::new(); models.len()];
    for _ in 0..5 {
        for ((model, x), seen) in models.iter_mut().zip(&mut seen) {
            let grads = whole(model, x.clone());
            seen.push(masks(model, &grads));
        }
    }
    assert!(seen.iter().all(|masks| all_differ(masks)));
}

#[test]
fn every_step_has_other_masks_also_where_memory_is_released() {
    let (mut model, x) = start(1);
    let mut seen = Vec::new();
    for _ in 0..5 {
        let grads = whole(&mut model, x.clone());
        seen.push(masks(&model, &grads));
        sam_runtime::step::release_memory();
    }
    assert!(all_differ(&seen));
}

#[test]
fn every_step_has_other_masks_also_on_threads_of_its_own() {
    let (mut model, x) = start(1);
    let mut seen = Vec::new();
    for _ in 0..5 {
        std::thread::scope(|scope| {
            let step = scope.spawn(|| {
                let grads = whole(&mut model, x.clone());
                masks(&model, &grads)
            });
            seen.push(step.join().unwrap());
        });
    }
    assert!(all_differ(&seen));
}

#[test]
fn the_first_masks_depend_on_the_seed_of_the_device() {
    let first = |seed| {
        let (mut model, x) = start(seed);
        let grads = whole(&mut model, x);
        masks(&model, &grads)
    };
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

/// What the plain loop has, by hand: the gradient of one pass.
fn plain(model: &mut Built, x: Input) -> Gradients<f64, Cpu> {
    let grads = model.alloc_grads();
    model.forward_mut(x.traced(grads)).mean().backward()
}

#[test]
fn the_masks_are_those_of_the_plain_loop_and_so_is_what_is_drawn_next() {
    let ((mut model, x), (mut other, same)) = (start(6), start(6));
    for _ in 0..5 {
        let grads = whole(&mut model, x.clone());
        let expected = plain(&mut other, same.clone());
        assert_eq!(masks(&model, &grads), masks(&other, &expected));
        assert_eq!(x.device().random_u64(), same.device().random_u64());
    }
}

#[test]
fn chunks_leave_the_generator_where_the_plain_loop_does() {
    for step in [in_pairs, one_by_one] {
        let ((mut model, x), (mut other, same)) = (start(6), start(6));
        for _ in 0..5 {
            step(&mut model, x.clone());
            plain(&mut other, same.clone());
            assert_eq!(x.device().random_u64(), same.device().random_u64());
        }
    }
}

#[test]
fn a_step_that_fails_in_its_second_pass_has_drawn_what_one_pass_draws() {
    let (mut model, x) = start(6);
    let (mut other, same) = start(6);
    for _ in 0..3 {
        let grads = model.alloc_grads();
        let mut passes = 0;
        let result = Sam::new(0.5).step(&mut model, x.clone(), grads, |model, x, grads| {
            passes += 1;
            let factor = if passes == 2 { f64::NAN } else { 1.0 };
            // More in the second pass than in the first.
            for _ in 0..passes {
                x.device().random_u64();
            }
            model.forward_mut(x.traced(grads)).mean() * factor
        });
        assert!(result.is_err());
        same.device().random_u64();
        plain(&mut other, same.clone());
        assert_eq!(x.device().random_u64(), same.device().random_u64());
    }
}

/// Batches of a loader are on devices of their own.
#[test]
fn the_masks_of_a_loaders_batches_are_the_same_in_both_passes() {
    let data = Images::<Rank1<I>, 2>::new(vec![200; 12 * I], vec![1; 12]).unwrap();
    let loader = DataLoader::<_, B>::new(data).unwrap();
    let dev = Cpu::seed_from_u64(3);
    type Single = <Net as BuildOnDevice<Cpu, f32>>::Built;
    let mut model: Single = dev.build_module::<Net, f32>();
    let state = sam_runtime::device::rng_state(&dev);
    for (x, _) in loader.epoch(&Cpu::default(), 0) {
        let grads = model.alloc_grads();
        Sam::new(0.5)
            .step(&mut model, x, grads, |model, x, grads| {
                model.forward_mut(x.traced(grads)).mean()
            })
            .unwrap();
        let report = last_report().unwrap();
        let rise = report.sharpness().unwrap() - 0.5 * report.gradient_norm().unwrap();
        assert!(rise.abs() < 1e-5, "{rise}");
    }
    assert_eq!(sam_runtime::device::rng_state(&dev), state);
}

#[test]
fn a_model_without_randomness_leaves_the_generator_of_its_device_alone() {
    let dev = Cpu::seed_from_u64(9);
    let mut model = dev.build_module::<Linear<I, 1>, f64>();
    let mut draw = || {
        let grads = model.alloc_grads();
        let x: Input = tensor(&dev, &noise(B * I, 1));
        Sam::new(0.5)
            .step(&mut model, x, grads, |model, x, grads| {
                model.forward_mut(x.traced(grads)).square().mean()
            })
            .unwrap();
        dev.random_u64()
    };
    let drawn = [draw(), draw(), draw()];
    let fresh = Cpu::seed_from_u64(9);
    fresh.build_module::<Linear<I, 1>, f64>();
    assert_eq!(drawn, [(); 3].map(|()| fresh.random_u64()));
}
