//! Networks of these layers and dfdx's.

use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};

use super::close;
use crate::{
    doors::walk::{Which, names},
    nn::{
        AvgPool2D, BatchNorm2D, Bias2D, Conv2D, Conv2DBatchNorm, Conv2DBatchNormReLU, Dropout,
        Flatten2D, FlattenTo, GlobalAvgPool2D, Linear, LinearReLU, MaxPool2D,
    },
};

type Block<const C: usize> = Residual<(
    Conv2DBatchNormReLU<C, C, 3, 1, 1>,
    Conv2DBatchNorm<C, C, 3, 1, 1>,
)>;
type Down<const I: usize, const O: usize> = GeneralizedResidual<
    (
        Conv2DBatchNormReLU<I, O, 3, 2, 1>,
        Conv2D<O, O, 3, 1, 1>,
        BatchNorm2D<O>,
    ),
    Conv2DBatchNorm<I, O, 1, 2>,
>;
type ResNet = (
    Conv2DBatchNormReLU<3, 4, 3, 1, 1>,
    (Repeated<(Block<4>, ReLU), 2>, Down<4, 8>, ReLU),
    (Block<8>, ReLU, Dropout),
    GlobalAvgPool2D,
    Linear<8, 5>,
);

#[test]
fn a_residual_network_learns() {
    let dev = Cpu::seed_from_u64(13);
    let mut net = dev.build_module::<ResNet, f64>();
    net.2.2.p = 0.1;
    let config = SgdConfig {
        lr: 0.1,
        ..Default::default()
    };
    let mut opt = Sgd::new(&net, config);
    let x: Tensor<Rank4<10, 3, 8, 8>, f64, _> = dev.sample_normal();
    let labels = (0..50).map(|i| f64::from(u8::from(i / 5 % 5 == i % 5)));
    let y: Tensor<Rank2<10, 5>, f64, _> = dev.tensor_from_vec(labels.collect(), (Const, Const));
    let mut losses = Vec::new();
    for _ in 0..20 {
        let logits = net.forward_mut(x.trace(net.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y.clone());
        losses.push(loss.array());
        opt.update(&mut net, &loss.backward()).unwrap();
    }
    assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
    let _: Tensor<Rank2<10, 5>, f64, _> = net.forward(x);
}

type Small = (
    (Conv2D<1, 4, 5>, Bias2D<4>, ReLU, MaxPool2D<2, 2>),
    (Conv2D<4, 6, 3, 2, 1>, BatchNorm2D<6>, ReLU, AvgPool2D<2, 2>),
    (FlattenTo<54>, LinearReLU<54, 7>, Linear<7, 3>),
);

#[test]
fn dynamic_sizes_give_what_static_ones_do() {
    let dev = Cpu::seed_from_u64(14);
    let mut net = dev.build_module::<Small, f64>();
    let x: Tensor<Rank4<2, 1, 28, 28>, f64, _> = dev.sample_normal();
    let y = net.forward_mut(x.leaky_trace());
    net = dev.build_module::<Small, f64>();
    let free: Tensor<(usize, Const<1>, usize, usize), f64, _> = x.clone().realize();
    let evaluated: Tensor<Rank2<2, 3>, f64, _> = net.forward(x);
    let same: Tensor<(usize, Const<3>), f64, _> = net.forward(free);
    close(&same.as_vec(), &evaluated.as_vec());
    assert_ne!(y.as_vec(), evaluated.as_vec());
}

#[test]
fn dynamic_sizes_that_do_not_fit_are_errors() {
    let dev = Cpu::default();
    let net = dev.build_module::<Small, f64>();
    // Another number of features, and an image smaller than the first window.
    for side in [40, 4] {
        let x: Tensor<(usize, Const<1>, usize, usize), f64, _> =
            dev.zeros_like(&(2, Const, side, side));
        assert!(net.try_forward(x).is_err(), "{side}");
    }
    let x: Tensor<(usize, usize, usize, usize), f64, _> = dev.zeros_like(&(1, 2, 3, 3));
    assert!(MaxPool2D::<4>.try_forward(x).is_err());
}

#[test]
fn flattening_keeps_the_order() {
    let dev = Cpu::seed_from_u64(15);
    let x: Tensor<Rank4<2, 3, 4, 4>, f64, _> = dev.sample_normal();
    let y: Tensor<Rank2<2, 48>, f64, _> = Flatten2D.forward(x.clone());
    assert_eq!(y.as_vec(), x.as_vec());
    let free: Tensor<(usize, Const<3>, usize, Const<4>), f64, _> = x.clone().realize();
    let y: Tensor<(usize, usize), f64, _> = Flatten2D.forward(free);
    assert_eq!((y.shape().concrete(), y.as_vec()), ([2, 48], x.as_vec()));
}

#[test]
fn tensors_have_the_names_of_their_parts() {
    let dev = Cpu::default();
    let net = dev.build_module::<(Conv2DBatchNorm<1, 2, 3>, LinearReLU<2, 2>), f64>();
    let expected = [
        "0.conv.weight",
        "0.norm.scale",
        "0.norm.bias",
        "0.norm.running_mean",
        "0.norm.running_var",
        "1.linear.weight",
        "1.linear.bias",
    ];
    assert_eq!(names(&net, Which::All).unwrap(), expected);
}
