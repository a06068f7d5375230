//! Batch normalization: statistics by hand, values and gradients as dfdx's.

use dfdx::prelude::{modules, *};

use super::{close, gradients};
use crate::nn;

type Images = Tensor<Rank4<3, 2, 2, 4>, f64, Cpu>;

fn images(dev: &Cpu) -> Images {
    dev.sample_normal::<Rank4<3, 2, 2, 4>>() * 3.0 + 1.0
}

/// Mean and sum of squares around it of each channel, and how many numbers it has.
fn by_hand(x: &Images) -> ([f64; 2], [f64; 2], f64) {
    let x = x.array();
    let channel = |c: usize| {
        let numbers = x.iter().flat_map(move |image| image[c].iter().flatten());
        numbers.copied().collect::<Vec<f64>>()
    };
    let mean = [0, 1].map(|c| channel(c).iter().sum::<f64>() / 24.0);
    let squares = [0, 1].map(|c| channel(c).iter().map(|v| (v - mean[c]).powi(2)).sum());
    (mean, squares, 24.0)
}

#[test]
fn running_statistics_are_those_of_a_hand_computation() {
    let dev = Cpu::seed_from_u64(1);
    let mut norm = dev.build_module::<nn::BatchNorm2D<2>, f64>();
    norm.momentum = 0.25;
    let (mut mean, mut variance) = ([0.0; 2], [1.0; 2]);
    for _ in 0..3 {
        let x = images(&dev);
        let (batch_mean, squares, n) = by_hand(&x);
        norm.forward_mut(x.leaky_trace());
        for c in 0..2 {
            mean[c] = 0.75 * mean[c] + 0.25 * batch_mean[c];
            variance[c] = 0.75 * variance[c] + 0.25 * squares[c] / (n - 1.0);
        }
        close(&norm.running_mean.as_vec(), &mean);
        close(&norm.running_var.as_vec(), &variance);
    }
}

#[test]
fn one_number_has_no_unbiased_variance() {
    let dev = Cpu::default();
    let mut norm = dev.build_module::<nn::BatchNorm1D<2>, f64>();
    let x: Tensor<Rank2<1, 2>, f64, _> = dev.tensor([[4.0, -2.0]]);
    norm.forward_mut(x.leaky_trace());
    close(&norm.running_mean.as_vec(), &[0.4, -0.2]);
    close(&norm.running_var.as_vec(), &[0.9, 0.9]);
}

#[test]
fn evaluation_is_the_formula() {
    let dev = Cpu::seed_from_u64(2);
    let mut norm = dev.build_module::<nn::BatchNorm2D<2>, f64>();
    norm.epsilon = 0.5;
    norm.scale = dev.tensor([2.0, -3.0]);
    norm.bias = dev.tensor([0.25, 1.0]);
    norm.running_mean = dev.tensor([1.0, -1.0]);
    norm.running_var = dev.tensor([3.5, 0.75]);
    let before = norm.clone();
    let x = images(&dev);
    let y = norm.forward(x.clone()).array();
    for (image, out) in x.array().iter().zip(&y) {
        for (v, found) in image[0].iter().flatten().zip(out[0].iter().flatten()) {
            close(&[*found], &[(v - 1.0) / 2.0 * 2.0 + 0.25]);
        }
        for (v, found) in image[1].iter().flatten().zip(out[1].iter().flatten()) {
            close(&[*found], &[(v + 1.0) / 1.25_f64.sqrt() * -3.0 + 1.0]);
        }
    }
    assert_eq!(norm.running_mean.array(), before.running_mean.array());
    assert_eq!(norm.running_var.array(), before.running_var.array());
}

/// Trains and evaluates both on the same input; everything that comes out must be the same.
macro_rules! as_dfdx {
    ($name:ident: $layer:ident<$c:literal>, $shape:ty) => {
        #[test]
        fn $name() {
            let dev = Cpu::seed_from_u64(3);
            let mut ours = dev.build_module::<nn::$layer<$c>, f64>();
            ours.scale
                .fill_with_distr(rand_distr::Uniform::new(0.5, 2.0));
            ours.bias.fill_with_distr(rand_distr::StandardNormal);
            let mut dfdx = modules::$layer {
                scale: ours.scale.clone(),
                bias: ours.bias.clone(),
                running_mean: ours.running_mean.clone(),
                running_var: ours.running_var.clone(),
                epsilon: ours.epsilon,
                momentum: ours.momentum,
            };
            let x: Tensor<$shape, f64, _> = dev.sample_normal();
            let (y, grads) = gradients(ours.forward_mut(x.leaky_trace()));
            let (expected, expected_grads) = gradients(dfdx.forward_mut(x.leaky_trace()));
            close(&y, &expected);
            close(&grads.get(&x).as_vec(), &expected_grads.get(&x).as_vec());
            for p in [&ours.scale, &ours.bias] {
                close(&grads.get(p).as_vec(), &expected_grads.get(p).as_vec());
            }
            close(&ours.running_mean.as_vec(), &dfdx.running_mean.as_vec());
            close(&ours.running_var.as_vec(), &dfdx.running_var.as_vec());
            close(&ours.forward(x.clone()).as_vec(), &dfdx.forward(x).as_vec());
        }
    };
}

as_dfdx!(images_as_dfdx: BatchNorm2D<3>, Rank4<4, 3, 2, 5>);
as_dfdx!(vectors_as_dfdx: BatchNorm1D<3>, Rank2<6, 3>);
as_dfdx!(sequences_as_dfdx: BatchNorm1D<3>, Rank3<4, 3, 5>);

#[test]
fn an_empty_batch_is_an_error_and_changes_nothing() {
    let dev = Cpu::default();
    let mut norm = dev.build_module::<nn::BatchNorm1D<2>, f64>();
    let x: Tensor<(usize, Const<2>), f64, _> = dev.zeros_like(&(0, Const));
    assert!(norm.try_forward_mut(x.leaky_trace()).is_err());
    assert_eq!(norm.running_mean.array(), [0.0; 2]);
    assert_eq!(norm.running_var.array(), [1.0; 2]);
}

#[test]
fn running_statistics_are_no_parameters() {
    let dev = Cpu::default();
    let norm = dev.build_module::<nn::BatchNorm2D<5>, f64>();
    assert_eq!(norm.num_trainable_params(), 10);
}
