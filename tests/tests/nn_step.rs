//! The layers of `sam_runtime::nn` in a SAM step: running statistics advance once, by the clean pass;
//! both passes drop the same numbers; rho = 0 is the base optimizer.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    nn::{BatchNorm2D, Conv2D, Conv2DBatchNormReLU, Flatten2D, Linear, MaxPool2D, ResNet20},
    prelude::*,
};
use sam_tests::{buffers, gradient, one_hot, sgd, state, tensor};

type Net = (
    (Conv2DBatchNormReLU<3, 8, 3, 1, 1>, MaxPool2D<2, 2>),
    (Conv2D<8, 8, 3, 2, 1>, BatchNorm2D<8>, ReLU, Dropout),
    (Flatten2D, Linear<32, 4>),
);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type X = Tensor<Rank4<8, 3, 8, 8>, f64, Cpu>;
type Step<'a> = &'a dyn Fn(&mut Built, &mut Sgd<Built, f64, Cpu>, X, Y) -> Vec<f64>;
type Y = Tensor<Rank2<8, 4>, f64, Cpu>;

fn batch(dev: &Cpu) -> (X, Y) {
    (
        tensor(dev, &sam_tests::noise(8 * 3 * 64, 1)),
        tensor(dev, &one_hot(8, 4)),
    )
}

#[sam_train(rho = rho)]
fn step(model: &mut Built, opt: &mut Sgd<Built, f64, Cpu>, x: X, y: Y, rho: f64) -> Vec<f64> {
    let logits = model.forward_mut(x.traced(model.alloc_grads()));
    let loss = cross_entropy_with_logits_loss(logits, y);
    let grads = loss.backward();
    let found = gradient(model, &grads);
    opt.update(model, &grads).unwrap();
    found
}

fn plain(model: &mut Built, opt: &mut Sgd<Built, f64, Cpu>, x: X, y: Y) -> Vec<f64> {
    let logits = model.forward_mut(x.traced(model.alloc_grads()));
    let loss = cross_entropy_with_logits_loss(logits, y);
    let grads = loss.backward();
    let found = gradient(model, &grads);
    opt.update(model, &grads).unwrap();
    found
}

#[test]
fn rho_0_is_the_base_optimizer() {
    let train = |step: Step<'_>| {
        let dev = Cpu::seed_from_u64(3);
        let mut model = dev.build_module::<Net, f64>();
        let mut opt = sgd(&model, 0.1);
        let (x, y) = batch(&dev);
        for _ in 0..3 {
            step(&mut model, &mut opt, x.clone(), y.clone());
        }
        state(&model)
    };
    let with = train(&|model, opt, x, y| step(model, opt, x, y, 0.0));
    assert_eq!(with, train(&plain));
}

#[test]
fn running_statistics_advance_once_by_the_clean_pass() {
    let dev = Cpu::default();
    let mut model = dev.build_module::<Net, f64>();
    // Without dropout, so that two runs see the same numbers.
    model.1.3.p = 0.0;
    let (x, y) = batch(&dev);
    let mut clean = model.clone();
    clean.forward_mut(x.leaky_trace());
    assert_ne!(buffers(&clean), buffers(&model));
    let mut opt = sgd(&model, 0.1);
    step(&mut model, &mut opt, x, y, 0.5);
    assert_eq!(buffers(&model), buffers(&clean));
}

#[test]
fn both_passes_drop_the_same_numbers() {
    let dev = Cpu::seed_from_u64(5);
    let mut model = dev.build_module::<Net, f64>();
    let mut opt = sgd(&model, 0.0);
    let (x, y) = batch(&dev);
    let mut losses = Vec::new();
    for _ in 0..3 {
        step(&mut model, &mut opt, x.clone(), y.clone(), 1e-9);
        let report = last_report().unwrap();
        // Other masks would change the loss by more than a few per cent.
        let sharpness = report.sharpness().unwrap();
        assert!(sharpness.abs() < 1e-7, "{sharpness}");
        losses.push(report.clean_loss().unwrap());
    }
    // Each step has masks of its own.
    assert!(
        losses[0] != losses[1] && losses[1] != losses[2],
        "{losses:?}"
    );
}

/// The first layer leaves out the gradient of its input; nothing else changes, and who asks for it gets
/// it.
#[test]
fn the_inputs_gradient_is_there_for_who_asks() {
    let dev = Cpu::default();
    let net = dev.build_module::<ResNet20<4>, f64>();
    let (x, y) = batch(&dev);
    let run = |start: Gradients<f64, Cpu>| {
        let logits = net.clone().forward_mut(x.trace(start));
        cross_entropy_with_logits_loss(logits, y.clone()).backward()
    };
    let all = run(Gradients::leaky());
    let parameters = run(net.alloc_grads());
    assert_eq!(gradient(&net, &parameters), gradient(&net, &all));
    let mut asked = net.alloc_grads();
    x.zero_grads(&mut asked);
    let asked = run(asked);
    assert_eq!(gradient(&net, &asked), gradient(&net, &all));
    assert_eq!(asked.get(&x).as_vec(), all.get(&x).as_vec());
}
