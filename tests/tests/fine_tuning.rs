//! Fine-tuning: parts that are not trained, running statistics that are kept, weights that are loaded in part.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{
    nn::{self, Built, Frozen, weights},
    prelude::*,
};
use sam_tests::*;

const B: usize = 6;
type Images = Tensor<Rank4<B, 3, 8, 8>, f64, Cpu>;
type Targets = Tensor<Rank2<B, 3>, f64, Cpu>;

/// With all that trains differently from how it evaluates.
type Body = (
    nn::Conv2DBatchNormReLU<3, 4, 3, 1, 1>,
    (nn::GlobalAvgPool2D, nn::BatchNorm1D<4>, nn::Linear<4, 5>),
    (Tanh, DropoutOneIn<3>),
);
type Head = nn::Linear<5, 3>;
type Net = Built<(Frozen<Body>, Head), Cpu, f64>;

fn batches(dev: &Cpu, n: usize) -> Vec<(Images, Targets)> {
    let batch = |i: usize| {
        let x = dev.sample_normal::<Rank4<B, 3, 8, 8>>() * 2.0 + 0.5;
        let label = |row| [0, 1, 2].map(|class| f64::from(u8::from((row + i) % 3 == class)));
        (x, dev.tensor(std::array::from_fn(label)))
    };
    (0..n).map(batch).collect()
}

/// A body whose statistics and weights are those of no new one.
fn used(dev: &Cpu) -> Built<Body, Cpu, f64> {
    let mut body = dev.build_module::<Body, f64>();
    for (x, _) in batches(dev, 4) {
        body.forward_mut(x.leaky_traced());
    }
    body
}

fn momentum() -> SgdConfig {
    SgdConfig {
        lr: 0.1,
        momentum: Some(Momentum::Nesterov(0.9)),
        weight_decay: Some(WeightDecay::L2(1e-2)),
    }
}

macro_rules! train {
    ($name:ident: $model:ty, $x:ty, $($keys:tt)*) => {
        #[sam_train(rho = 0.2, $($keys)*)]
        fn $name(model: &mut $model, data: Vec<($x, Targets)>) -> f64 {
            let mut opt = Sgd::new(model, momentum());
            let mut last = 0.0;
            for (x, y) in data {
                let logits = model.forward_mut(x.traced(model.alloc_grads()));
                let loss = cross_entropy_with_logits_loss(logits, y);
                last = loss.array();
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            last
        }
    };
}

type Features = Tensor<Rank2<B, 5>, f64, Cpu>;
train!(whole: Net, Images,);
train!(whole_in_chunks: Net, Images, m = 2);
train!(whole_adaptive: Net, Images, method = asam(eta = 0.01));
train!(head: Built<Head, Cpu, f64>, Features,);
train!(head_in_chunks: Built<Head, Cpu, f64>, Features, m = 2);
train!(head_adaptive: Built<Head, Cpu, f64>, Features, method = asam(eta = 0.01));

/// What is frozen has no gradient, is not perturbed, is no part of the norm, and is neither updated nor decayed: the
/// head is trained as on features that were computed before.
#[test]
fn a_head_on_a_frozen_body_trains_as_on_features_computed_before() {
    type Whole = fn(&mut Net, Vec<(Images, Targets)>) -> f64;
    type Alone = fn(&mut Built<Head, Cpu, f64>, Vec<(Features, Targets)>) -> f64;
    let ways: [(Whole, Alone); 3] = [
        (whole, head),
        (whole_in_chunks, head_in_chunks),
        (whole_adaptive, head_adaptive),
    ];
    for (whole, alone) in ways {
        let dev = Cpu::seed_from_u64(5);
        let body = used(&dev);
        let mut head = dev.build_module::<Head, f64>();
        let mut net = (Frozen(body.clone()), head.clone());
        assert_eq!(net.num_trainable_params(), 5 * 3 + 3);
        let data = batches(&dev, 5);
        let features = data
            .iter()
            .map(|(x, y)| (body.forward(x.clone()), y.clone()));
        let expected = alone(&mut head, features.collect());
        // Kernels may group rows of a chunk otherwise than those of a batch.
        assert!((whole(&mut net, data) - expected).abs() < 1e-12);
        let far = distance(&parameters(&net.1), &parameters(&head));
        assert!(far < 1e-12, "{far}");
        assert_eq!(state(&net.0.0), state(&body));
    }
}

/// A frozen module trains as it evaluates, and what comes before it gets no gradient.
#[test]
fn the_gradient_ends_at_a_frozen_part() {
    let dev = Cpu::seed_from_u64(6);
    let mut frozen = Frozen(used(&dev));
    let (x, _) = batches(&dev, 1).remove(0);
    let mut grads = Gradients::leaky();
    grads.get_or_alloc_mut(&x).unwrap();
    let y = frozen.forward_mut(x.clone().traced(grads));
    assert_eq!(y.array(), frozen.0.forward(x.clone()).array());
    let grads = y.square().mean().backward();
    assert_eq!(grads.get(&x).as_vec(), [0.0; B * 3 * 64]);
}

#[test]
fn a_frozen_network_is_saved_loaded_and_moved_as_it_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let dev = Cpu::seed_from_u64(7);
    let net = (Frozen(used(&dev)), dev.build_module::<Head, f64>());
    weights::save::<f64, _, _>(&net, &path).unwrap();
    let plain = dev.build_module::<(Body, Head), f64>();
    let mut plain = plain;
    weights::load::<f64, _, _>(&mut plain, &path).unwrap();
    let (x, _) = batches(&dev, 1).remove(0);
    let loaded = plain.forward(x.clone()).array();
    let single = |numbers: [[f64; 3]; B]| numbers.map(|row| row.map(|number| number as f32));
    // Weights in files are of single precision.
    for (found, expected) in loaded.iter().zip(net.forward(x.clone()).array()) {
        assert!(distance(found, &expected) < 1e-5);
    }
    let mut again = dev.build_module::<(Frozen<Body>, Head), f64>();
    weights::load::<f64, _, _>(&mut again, &path).unwrap();
    assert_eq!(again.forward(x.clone()).array(), loaded);
    let smaller = again.to_dtype::<f32>();
    assert_eq!(smaller.num_trainable_params(), 5 * 3 + 3);
    let near = smaller.forward(x.to_dtype::<f32>()).array();
    for (found, expected) in near.iter().zip(single(loaded)) {
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-4)
        );
    }
}

/// A file of a network with ten classes, for one with three: the head stays as it was, all else is read.
#[test]
fn a_head_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let dev = Cpu::seed_from_u64(8);
    let source = dev.build_module::<nn::ResNet20<10>, f32>();
    weights::save(&source, &path).unwrap();
    let all_but_head = weights::LoadOptions::new().all_but(|name| name.starts_with("linear."));

    let x: Tensor<Rank4<2, 3, 32, 32>, f32, _> = dev.sample_normal();
    let features = source.body.forward(x.clone());
    let mut new = dev.build_module::<nn::ResNet20<3>, f32>();
    let before = new.linear.clone();
    weights::load_with(&mut new, &path, &all_but_head).unwrap();
    assert_eq!(state(&new.linear), state(&before));
    assert_eq!(
        new.forward(x.clone()).array(),
        before.forward(features.clone()).array()
    );

    type Tuned = (Frozen<nn::ResNet20Body>, nn::Linear<64, 3>);
    let mut tuned = dev.build_module::<Tuned, f32>();
    weights::load_with(&mut tuned.0, &path, &all_but_head).unwrap();
    assert_eq!(tuned.0.forward(x).array(), features.array());
    assert_eq!(state(&tuned.0.0), state(&source.body));
}

/// The loss of a network as it evaluates, whose gradient a frozen batch normalization has.
fn evaluated(body: &Built<Body, Cpu, f64>, x: &Images) -> f64 {
    body.forward(x.clone()).square().mean::<Rank0, _>().array()
}

#[test]
fn a_frozen_batch_norm_trains_as_it_evaluates() {
    type NoDropout = (
        nn::Conv2DBatchNormReLU<3, 4, 3, 1, 1>,
        (nn::GlobalAvgPool2D, nn::BatchNorm1D<4>, nn::Linear<4, 5>),
        Tanh,
    );
    let dev = Cpu::seed_from_u64(9);
    let mut net = dev.build_module::<NoDropout, f64>();
    let data = batches(&dev, 4);
    for (x, _) in &data {
        net.forward_mut(x.leaky_trace());
    }
    let names = nn::freeze_batch_norm(&mut net, |_| true);
    assert_eq!(names, ["0.norm", "1.1"]);
    let x = &data[0].0;
    let before = buffers(&net);
    let y = net.forward_mut(x.trace(net.alloc_grads()));
    assert_eq!(y.array(), net.forward(x.clone()).array());
    assert_eq!(buffers(&net), before);
    let found = gradient(&net, &y.square().mean().backward());

    let at = parameters(&net);
    let loss = |weights: &[f64]| -> f64 {
        let mut moved = net.clone();
        set_parameters(&mut moved, weights);
        moved.forward(x.clone()).square().mean::<Rank0, _>().array()
    };
    for (i, gradient) in found.iter().enumerate() {
        let [mut up, mut down] = [at.clone(), at.clone()];
        up[i] += 1e-6;
        down[i] -= 1e-6;
        let expected = (loss(&up) - loss(&down)) / 2e-6;
        assert!(
            (gradient - expected).abs() < 1e-8,
            "{i}: {gradient} {expected}"
        );
    }
}

#[sam_train(rho = 0.1, m = 3)]
fn tune(model: &mut Built<Body, Cpu, f64>, data: Vec<(Images, Targets)>) {
    let mut opt = Sgd::new(model, momentum());
    for (x, _) in data {
        let y = model.forward_mut(x.traced(model.alloc_grads()));
        let grads = y.square().mean().backward();
        opt.update(model, &grads).unwrap();
    }
}

/// Both passes leave the statistics that are kept, and advance the others once.
#[test]
fn some_statistics_are_kept_while_others_advance() {
    let dev = Cpu::seed_from_u64(10);
    let mut net = used(&dev);
    let (data, before) = (batches(&dev, 3), net.clone());
    assert_eq!(
        nn::freeze_batch_norm(&mut net, |name| name == "0.norm"),
        ["0.norm"]
    );
    assert!(net.0.norm.is_frozen() && !net.1.1.is_frozen());
    let loss = evaluated(&net, &data[0].0);
    tune(&mut net, data.clone());
    assert!(evaluated(&net, &data[0].0) < loss);
    assert_eq!(buffers(&net.0), buffers(&before.0));
    assert_ne!(buffers(&net.1), buffers(&before.1));
    assert_ne!(parameters(&net.0), parameters(&before.0));
    // And off again.
    assert!(nn::freeze_batch_norm(&mut net, |_| false).is_empty());
    tune(&mut net, data);
    assert_ne!(buffers(&net.0), buffers(&before.0));
}

/// A network has the switch at each of its normalizations, those of computed sizes too.
#[test]
fn networks_keep_their_statistics() {
    fn check<N: BuildOnDevice<Cpu, f32>>(normalizations: usize)
    where
        N::Built: ModuleMut<
                Tensor<Rank4<2, 3, 32, 32>, f32, Cpu, OwnedTape<f32, Cpu>>,
                Output = Tensor<Rank2<2, 3>, f32, Cpu, OwnedTape<f32, Cpu>>,
                Error = dfdx::tensor::CpuError,
            >,
    {
        let dev = Cpu::seed_from_u64(11);
        let mut net = dev.build_module::<N, f32>();
        let x: Tensor<Rank4<2, 3, 32, 32>, f32, _> = dev.sample_normal();
        let before = buffers(&net);
        assert_eq!(
            nn::freeze_batch_norm(&mut net, |_| true).len(),
            normalizations
        );
        net.forward_mut(x.trace(net.alloc_grads()));
        assert_eq!(buffers(&net), before);
        nn::freeze_batch_norm(&mut net, |_| false);
        net.forward_mut(x.trace(net.alloc_grads()));
        let moved = buffers(&net)
            .iter()
            .zip(&before)
            .filter(|(a, b)| a != b)
            .count();
        assert!(moved > before.len() / 2);
    }
    check::<nn::ResNet20<3>>(19);
    check::<nn::PyramidNet<11, 6, 3, true>>(14);
    check::<nn::ShakeShake<8, 4, 3>>(1 + 3 * 4 + 3);
}
