//! What a SAM loop must equal: the base optimizer at rho = 0, itself without `m` at `m = B`, the
//! mean over chunks at a smaller `m`, and its own sum where gradients are accumulated.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{Sam, prelude::*};
use sam_tests::*;

const B: usize = 6;

/// Everything that could tell two runs apart: random masks, running statistics, momentum.
type Net = (Linear<4, 16>, BatchNorm1D<16>, ReLU, Dropout, Linear<16, 3>);
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;
type Data = Classes<B, 4, 3, f32>;

/// The same loop under different attributes, or under none.
macro_rules! training_loop {
    ($(#[$attribute:meta])* $name:ident($rho:ident)) => {
        $(#[$attribute])*
        #[allow(unused_variables)]
        fn $name(model: &mut Built, opt: &mut Sgd<Built, f32, Cpu>, data: &[Data], $rho: f64) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let mut losses = Vec::new();
            for (x, y) in data.iter().cloned() {
                let logits = model.forward_mut(x.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                losses.push(loss.array());
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            losses
        }
    };
}

training_loop!(plain(rho));
training_loop!(
    #[sam_train(rho = rho)]
    sam(rho)
);
training_loop!(
    #[sam_train(rho = rho, m = 6)]
    in_one_chunk(rho)
);
training_loop!(
    #[sam_train(rho = rho, m = 2)]
    in_pairs(rho)
);
training_loop!(
    #[sam_train(rho = rho, m = 3, norm = "linf", nonfinite = "skip")]
    in_threes(rho)
);

type Train = fn(&mut Built, &mut Sgd<Built, f32, Cpu>, &[Data], f64) -> Vec<f32>;

/// The model's bits, the losses and the device's next random number after 20 steps.
#[derive(Debug, PartialEq)]
struct Trained {
    state: Vec<u64>,
    losses: Vec<u32>,
    next_random: u64,
}

fn run(train: Train, rho: f64) -> Trained {
    let dev = Cpu::seed_from_u64(3);
    let mut model = dev.build_module::<Net, f32>();
    let config = SgdConfig {
        lr: 0.1,
        momentum: Some(Momentum::Nesterov(0.9)),
        weight_decay: Some(WeightDecay::L2(1e-3)),
    };
    let mut opt = Sgd::new(&model, config);
    let data: Vec<Data> = (0..20).map(|seed| classes(&dev, seed)).collect();
    let losses = train(&mut model, &mut opt, &data, rho);
    Trained {
        state: state(&model),
        losses: losses.into_iter().map(f32::to_bits).collect(),
        next_random: dev.random_u64(),
    }
}

#[test]
fn rho_0_is_the_base_optimizer_bit_for_bit() {
    let base = run(plain, 0.0);
    assert_eq!(run(sam, 0.0), base);
    assert_eq!(run(sam, -0.0), base);
    assert_ne!(run(sam, 0.1).state, base.state);
}

#[test]
fn rho_0_is_the_base_optimizer_bit_for_bit_also_with_m() {
    let base = run(plain, 0.0);
    assert_eq!(run(in_one_chunk, 0.0), base);
    assert_eq!(run(in_pairs, 0.0), base);
    assert_eq!(run(in_threes, 0.0), base);
}

#[test]
fn rho_0_is_the_base_optimizer_bit_for_bit_through_the_closure() {
    let by_closure: Train = |model, opt, data, rho| {
        let mut grads = model.alloc_grads();
        let mut losses = Vec::new();
        for batch in data.iter().cloned() {
            grads = Sam::new(rho)
                .step(model, batch, grads, |model, (x, y), grads| {
                    let loss =
                        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
                    losses.push(loss.array());
                    loss
                })
                .unwrap();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        losses
    };
    assert_eq!(run(by_closure, 0.0), run(plain, 0.0));
}

#[test]
fn a_run_repeats_bit_for_bit() {
    assert_eq!(run(sam, 0.1), run(sam, 0.1));
    assert_eq!(run(in_pairs, 0.1), run(in_pairs, 0.1));
}

#[test]
fn m_of_the_whole_batch_is_sam_without_m_bit_for_bit() {
    assert_eq!(run(in_one_chunk, 0.1), run(sam, 0.1));
}

#[test]
fn m_smaller_than_the_batch_is_another_method() {
    assert_ne!(run(in_pairs, 0.1).state, run(sam, 0.1).state);
}

/// Without masks and statistics, so that a chunk alone is what it is within its batch.
type Mlp = (Linear<4, 8>, Tanh, Linear<8, 3>);
type BuiltMlp = <Mlp as BuildOnDevice<Cpu, f64>>::Built;
type MlpData<const N: usize> = Classes<N, 4, 3, f64>;

fn mlp() -> BuiltMlp {
    Cpu::seed_from_u64(8).build_module::<Mlp, f64>()
}

/// SAM in plain dfdx, as it is usually written: perturb the model, run again.
fn two_passes<const N: usize>(model: &BuiltMlp, (x, y): MlpData<N>, rho: f64) -> Vec<f64> {
    let pass = |model: &BuiltMlp| {
        let logits = model.forward(x.clone().traced(model.alloc_grads()));
        let grads = cross_entropy_with_logits_loss(logits, y.clone()).backward();
        gradient(model, &grads)
    };
    let e = perturbation(&pass(model), 2.0, rho);
    let moved: Vec<f64> = parameters(model)
        .iter()
        .zip(e)
        .map(|(w, e)| w + e)
        .collect();
    let mut model = model.clone();
    set_parameters(&mut model, &moved);
    pass(&model)
}

macro_rules! one_gradient {
    ($(#[$attribute:meta])* $name:ident($rho:ident)) => {
        $(#[$attribute])*
        fn $name(model: &mut BuiltMlp, (x, y): MlpData<B>, start: Gradients<f64, Cpu>, lr: f64, $rho: f64) -> Gradients<f64, Cpu> {
            let mut opt = sgd(model, lr);
            let logits = model.forward_mut(x.traced(start));
            let loss = cross_entropy_with_logits_loss(logits, y);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            grads
        }
    };
}

one_gradient!(
    #[sam_train(rho = rho)]
    whole_gradient(rho)
);
one_gradient!(
    #[sam_train(rho = rho, m = 2)]
    gradient_in_pairs(rho)
);

/// Sums in f64 in another order.
const TOLERANCE: f64 = 1e-12;

#[test]
fn a_step_is_two_passes_of_plain_dfdx() {
    let mut model = mlp();
    let data: MlpData<B> = classes(model.0.weight.device(), 1);
    let expected = two_passes(&model, data.clone(), 0.3);
    let start = model.alloc_grads();
    let found = whole_gradient(&mut model, data, start, 0.0, 0.3);
    assert!(distance(&gradient(&model, &found), &expected) < TOLERANCE);
}

#[test]
fn chunks_give_the_mean_of_two_passes_over_each() {
    let mut model = mlp();
    let dev = model.0.weight.device().clone();
    let (x, y): MlpData<B> = classes(&dev, 1);
    let mut expected = vec![0.0; parameters(&model).len()];
    for (x, y) in x.as_vec().chunks(2 * 4).zip(y.as_vec().chunks(2 * 3)) {
        let chunk: MlpData<2> = (tensor(&dev, x), tensor(&dev, y));
        for (sum, g) in expected.iter_mut().zip(two_passes(&model, chunk, 0.3)) {
            *sum += g / 3.0;
        }
    }
    let start = model.alloc_grads();
    let found = gradient_in_pairs(&mut model, (x, y), start, 0.0, 0.3);
    assert!(distance(&gradient(&model, &found), &expected) < TOLERANCE);
}

#[test]
fn at_rho_0_chunks_by_hand_add_the_mean_of_their_plain_gradients() {
    let mut model = mlp();
    let data: MlpData<B> = classes(model.0.weight.device(), 1);
    let start = model.alloc_grads();
    let start = whole_gradient(&mut model, data.clone(), start, 0.0, 0.3);
    let expected: Vec<f64> = two_passes(&model, data.clone(), 0.0)
        .iter()
        .zip(gradient(&model, &start))
        .map(|(g, start)| g + start)
        .collect();
    let found = Sam::new(0.0)
        .chunked::<2>()
        .step(&mut model, data, start, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        })
        .unwrap();
    assert!(distance(&gradient(&model, &found), &expected) < TOLERANCE);
}

#[test]
fn a_step_with_learning_rate_0_leaves_every_bit_of_the_weights() {
    let mut model = mlp();
    let before = state(&model);
    let data: MlpData<B> = classes(model.0.weight.device(), 1);
    for step in [whole_gradient, gradient_in_pairs] {
        for rho in [0.0, 1e-9, 0.05, 1e6] {
            let start = model.alloc_grads();
            step(&mut model, data.clone(), start, 0.0, rho);
            assert_eq!(state(&model), before, "rho = {rho}");
        }
    }
}

#[test]
fn gradients_add_up_over_batches() {
    for step in [whole_gradient, gradient_in_pairs] {
        let mut model = mlp();
        let dev = model.0.weight.device().clone();
        let mut sum = vec![0.0; parameters(&model).len()];
        let mut accumulated = model.alloc_grads();
        for seed in 0..4 {
            let data: MlpData<B> = classes(&dev, seed);
            let start = model.alloc_grads();
            let single = step(&mut model, data.clone(), start, 0.0, 0.3);
            for (sum, g) in sum.iter_mut().zip(gradient(&model, &single)) {
                *sum += g;
            }
            accumulated = step(&mut model, data, accumulated, 0.0, 0.3);
            assert!(distance(&gradient(&model, &accumulated), &sum) < TOLERANCE);
        }
    }
}

/// `update` only every second batch, where `update` stands under an `if`.
#[sam_train(rho = 0.3)]
fn every_second(model: &mut BuiltMlp, data: &[MlpData<B>]) {
    let mut opt = sgd(model, 0.1);
    let mut grads = model.alloc_grads();
    for (i, (x, y)) in data.iter().cloned().enumerate() {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        if i % 2 == 1 {
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }
}

#[test]
fn an_update_every_second_batch_takes_the_sum_of_both_sam_gradients() {
    let mut model = mlp();
    let dev = model.0.weight.device().clone();
    let data: Vec<MlpData<B>> = (0..4).map(|seed| classes(&dev, seed)).collect();
    let mut by_hand = model.clone();
    for pair in data.chunks(2) {
        let mut w = parameters(&by_hand);
        for batch in pair {
            for (w, g) in w.iter_mut().zip(two_passes(&by_hand, batch.clone(), 0.3)) {
                *w -= 0.1 * g;
            }
        }
        set_parameters(&mut by_hand, &w);
    }
    every_second(&mut model, &data);
    assert!(distance(&parameters(&model), &parameters(&by_hand)) < TOLERANCE);
}
