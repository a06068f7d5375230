//! The key `frozen`: parameters that the ascent leaves where they are, as PyTorch's SAM classes leave those
//! without `requires_grad`. Without it all are perturbed that have a gradient.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{
    Norm, Sam,
    nn::Frozen,
    optim::{Group, GroupError, SaveState, Sgd as Saved},
    prelude::*,
};
use sam_tests::*;

const B: usize = 6;
const RHO: f64 = 0.3;
type Net = (Linear<4, 8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data<const N: usize> = Classes<N, 4, 3, f64>;

/// The first layer's weights and biases come first.
const FROZEN: usize = 4 * 8 + 8;

fn start() -> (Built, Data<B>) {
    let dev = Cpu::seed_from_u64(8);
    (dev.build_module::<Net, f64>(), classes(&dev, 1))
}

fn plain<const N: usize>(model: &Built, (x, y): Data<N>) -> Vec<f64> {
    let logits = model.forward(x.traced(model.alloc_grads()));
    let grads = cross_entropy_with_logits_loss(logits, y).backward();
    gradient(model, &grads)
}

/// SAM by hand, with the first `frozen` weights left where they are.
fn by_hand<const N: usize>(model: &Built, data: Data<N>, p: f64, frozen: usize) -> Vec<f64> {
    let mut g = plain(model, data.clone());
    g[..frozen].fill(0.0);
    let moved: Vec<f64> = parameters(model)
        .iter()
        .zip(perturbation(&g, p, RHO))
        .map(|(w, e)| w + e)
        .collect();
    let mut model = model.clone();
    set_parameters(&mut model, &moved);
    plain(&model, data)
}

macro_rules! one_gradient {
    ($name:ident, $($keys:tt)*) => {
        #[sam_train(rho = RHO, $($keys)*)]
        fn $name(model: &mut Built, (x, y): Data<B>) -> Gradients<f64, Cpu> {
            let mut opt = sgd(model, 0.0);
            let logits = model.forward_mut(x.traced(model.alloc_grads()));
            let loss = cross_entropy_with_logits_loss(logits, y);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            grads
        }
    };
}

fn is_first(name: &str) -> bool {
    name.starts_with("0.")
}

one_gradient!(all,);
one_gradient!(none_frozen, frozen = |_| false);
one_gradient!(l1, norm = "l1", frozen = is_first);
one_gradient!(l1_5, norm = "l1.5", frozen = is_first);
one_gradient!(l2, frozen = |name| name.starts_with("0."));
one_gradient!(linf, norm = "linf", frozen = is_first);
one_gradient!(in_pairs, m = 2, frozen = is_first);

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64]) {
    assert!(distance(found, expected) < 1e-12);
}

#[test]
fn the_ascent_leaves_frozen_parameters_where_they_are_and_out_of_its_norm() {
    type Step = fn(&mut Built, Data<B>) -> Gradients<f64, Cpu>;
    let steps: [(Step, f64); 4] = [(l1, 1.0), (l1_5, 1.5), (l2, 2.0), (linf, f64::INFINITY)];
    for (step, p) in steps {
        let (mut model, data) = start();
        let expected = by_hand(&model, data.clone(), p, FROZEN);
        let grads = step(&mut model, data.clone());
        assert_near(&gradient(&model, &grads), &expected);
        // In L1 one weight alone is moved, here one of the second layer.
        let moves_all = distance(&expected, &by_hand(&model, data, p, 0));
        assert!(p == 1.0 || moves_all > 1e-3);
    }
}

/// The gradient that `update` gets is whole: what is frozen for it is the optimizer's affair.
#[test]
fn frozen_parameters_have_a_gradient_all_the_same() {
    let (mut model, data) = start();
    let grads = l2(&mut model, data);
    let found = gradient(&model, &grads);
    assert!(found[..FROZEN].iter().any(|g| *g != 0.0));
}

#[test]
fn without_the_key_all_are_perturbed() {
    let (mut model, data) = start();
    let expected = by_hand(&model, data.clone(), 2.0, 0);
    for step in [all, none_frozen] {
        let grads = step(&mut model, data.clone());
        assert_near(&gradient(&model, &grads), &expected);
    }
}

#[test]
fn each_chunk_leaves_them() {
    let (mut model, (x, y)) = start();
    let dev = x.device().clone();
    let mut expected = vec![0.0; parameters(&model).len()];
    for (x, y) in x.as_vec().chunks(2 * 4).zip(y.as_vec().chunks(2 * 3)) {
        let chunk: Data<2> = (tensor(&dev, x), tensor(&dev, y));
        for (sum, g) in expected.iter_mut().zip(by_hand(&model, chunk, 2.0, FROZEN)) {
            *sum += g / 3.0;
        }
    }
    let grads = in_pairs(&mut model, (x, y));
    assert_near(&gradient(&model, &grads), &expected);
}

#[test]
fn the_closure_leaves_them_too() {
    let (mut model, data) = start();
    let expected = by_hand(&model, data.clone(), f64::INFINITY, FROZEN);
    let start = model.alloc_grads();
    let sam = Sam::new(RHO).norm(Norm::LINF).frozen(is_first);
    let grads = sam.step(&mut model, data, start, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    });
    assert_near(&gradient(&model, &grads.unwrap()), &expected);
}

const MOMENTUM: SgdConfig = SgdConfig {
    lr: 0.2,
    momentum: Some(Momentum::Nesterov(0.9)),
    weight_decay: Some(WeightDecay::L2(1e-2)),
};

macro_rules! train {
    ($name:ident: $model:ty, $($keys:tt)*) => {
        /// The norms of SAM's gradients, one for each step.
        #[sam_train(rho = RHO, $($keys)*)]
        fn $name(
            model: &mut $model,
            opt: &mut Saved<$model, f64, Cpu>,
            batches: Vec<Data<B>>,
        ) -> Vec<f64> {
            let mut norms = Vec::new();
            for (x, y) in batches {
                let logits = model.forward_mut(x.traced(model.alloc_grads()));
                let loss = cross_entropy_with_logits_loss(logits, y);
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
                norms.extend(last_report().unwrap().gradient_norm());
            }
            norms
        }
    };
}

/// The same network, whose frozen part is no parameter of it.
type Constant = sam_runtime::nn::Built<(Frozen<(Linear<4, 8>, Tanh)>, Linear<8, 3>), Cpu, f64>;

train!(by_group: Built, frozen = is_first);
train!(by_group_in_pairs: Built, frozen = is_first, m = 2);
train!(by_type: Constant,);
train!(by_type_in_pairs: Constant, m = 2);

/// With one function for the key and for `Group::frozen`, a part is no part of the network at all: not of the ball, its
/// norm, the update, or the decay.
#[test]
fn what_a_group_freezes_is_no_part_of_the_network() {
    type ByGroup = fn(&mut Built, &mut Saved<Built, f64, Cpu>, Vec<Data<B>>) -> Vec<f64>;
    type ByType = fn(&mut Constant, &mut Saved<Constant, f64, Cpu>, Vec<Data<B>>) -> Vec<f64>;
    let ways: [(ByGroup, ByType); 2] = [(by_group, by_type), (by_group_in_pairs, by_type_in_pairs)];
    for (by_group, by_type) in ways {
        let (mut model, _) = start();
        let dev = model.0.weight.device().clone();
        let data: Vec<Data<B>> = (0..5).map(|seed| classes(&dev, seed)).collect();
        let mut constant: Constant = (Frozen((model.0.clone(), Tanh)), model.2.clone());
        let before = state(&model.0);

        let mut opt = Saved::new(&model, MOMENTUM);
        opt.add_group(Group::frozen(is_first)).unwrap();
        let found = by_group(&mut model, &mut opt, data.clone());
        let mut opt = Saved::new(&constant, MOMENTUM);
        let expected = by_type(&mut constant, &mut opt, data);

        assert_eq!(found.len(), 5);
        assert_near(&found, &expected);
        assert_near(&parameters(&model.2), &parameters(&constant.1));
        assert_eq!(state(&model.0), before);
    }
}

#[test]
fn a_frozen_group_takes_the_names_of_the_key_and_what_it_is_given() {
    let dev = Cpu::seed_from_u64(3);
    let mut model = dev.build_module::<(Linear<4, 4>, BatchNorm1D<4>), f64>();
    let before = model.clone();
    let mut opt = Saved::new(&model, MOMENTUM);
    let error = opt
        .add_group(Group::new(|_, _| true).lr_factor(0.0))
        .unwrap_err();
    assert_eq!(error, GroupError::Frozen);
    let text = error.to_string();
    assert!(
        text.contains("nn::Frozen") && text.contains("key `frozen`"),
        "{text}"
    );
    // dfdx's name; in files it is `1.weight`.
    opt.add_group(Group::frozen(|name| name == "1.scale"))
        .unwrap();
    let x: Tensor<Rank2<6, 4>, f64, Cpu> = tensor(&dev, &noise(24, 1));
    let mut grads = model
        .forward_mut(x.traced(model.alloc_grads()))
        .square()
        .mean()
        .backward();
    // Not even a NaN gets in.
    grads.get_or_alloc_mut(&model.1.scale).unwrap()[0] = f64::NAN;
    opt.update(&mut model, &grads).unwrap();
    assert_eq!(model.1.scale.as_vec(), before.1.scale.as_vec());
    assert_ne!(model.1.bias.as_vec(), before.1.bias.as_vec());
    let saved = opt.state().unwrap();
    let mut resumed = Saved::new(&model, MOMENTUM);
    resumed.load_state(&saved).unwrap();
    assert_eq!(resumed.state().unwrap(), saved);
}
