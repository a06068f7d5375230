//! The layers of `sam_runtime::nn` against PyTorch's: outputs, gradients of input and parameters,
//! running statistics. `tests/peers/layers.py` wrote the numbers.

mod case;
mod passes;
mod walk;

use dfdx::prelude::{Cpu, Rank2, Rank3, Rank4};
use sam_runtime::nn::{
    AvgPool2D, BatchNorm1D, BatchNorm2D, BatchNorm2DReLU, Bias2D, Bias2DReLU, Conv2D,
    Conv2DBatchNorm, Conv2DBatchNormReLU, Flatten2D, FlattenTo, GlobalAvgPool2D, Linear,
    LinearReLU, MaxPool2D,
};
use serde_json::Value;

use case::Case;
use passes::{both, evaluate, evaluate_and_differentiate, residual, train};

/// The whole file.
fn reference() -> Value {
    serde_json::from_str(include_str!("../../fixtures/layers.json")).unwrap()
}

/// Cases by name, and what compares each.
type Cases = Vec<(&'static str, fn(&Case))>;

macro_rules! cases {
    ($($name:literal: $compare:expr;)*) => { vec![$(($name, $compare)),*] };
}

fn convolutions() -> Cases {
    type X = Rank4<2, 4, 7, 5>;
    cases! {
        "conv2d_1x1": both::<Conv2D<4, 3, 1>, X, _>;
        "conv2d_1x1_stride2": both::<Conv2D<4, 3, 1, 2>, X, _>;
        "conv2d_3x3": both::<Conv2D<4, 3, 3>, X, _>;
        "conv2d_3x3_pad1": both::<Conv2D<4, 3, 3, 1, 1>, X, _>;
        "conv2d_3x3_stride2_pad1": both::<Conv2D<4, 3, 3, 2, 1>, X, _>;
        "conv2d_5x5_pad2": both::<Conv2D<4, 2, 5, 1, 2>, X, _>;
        "conv2d_7x7_stride2_pad3": both::<Conv2D<4, 2, 7, 2, 3>, X, _>;
        "conv2d_3x3_pad2_dilation2": both::<Conv2D<4, 3, 3, 1, 2, 2>, X, _>;
        "conv2d_3x3_pad1_groups2": both::<Conv2D<4, 6, 3, 1, 1, 1, 2>, X, _>;
        "conv2d_3x3_pad1_depthwise": both::<Conv2D<4, 4, 3, 1, 1, 1, 4>, X, _>;
    }
}

fn normalizations() -> Cases {
    type Rows = Rank2<6, 4>;
    type Sequences = Rank3<3, 4, 5>;
    type Images = Rank4<3, 4, 5, 3>;
    type Dynamic2 = (usize, usize);
    type Dynamic3 = (usize, usize, usize);
    type Dynamic4 = (usize, usize, usize, usize);
    cases! {
        "batch_norm1d_rows": train::<BatchNorm1D<4>, Rows, _>;
        "batch_norm1d_rows_eval": evaluate_and_differentiate::<BatchNorm1D<4>, Rows, _, Dynamic2>;
        "batch_norm1d_sequences": train::<BatchNorm1D<4>, Sequences, _>;
        "batch_norm1d_sequences_eval": evaluate_and_differentiate::<BatchNorm1D<4>, Sequences, _, Dynamic3>;
        "batch_norm2d": train::<BatchNorm2D<4>, Images, _>;
        "batch_norm2d_eval": evaluate_and_differentiate::<BatchNorm2D<4>, Images, _, Dynamic4>;
        "batch_norm2d_relu": train::<BatchNorm2DReLU<4>, Images, _>;
        "batch_norm2d_relu_eval": evaluate_and_differentiate::<BatchNorm2DReLU<4>, Images, _, Dynamic4>;
    }
}

fn convolutions_with_normalization() -> Cases {
    type X = Rank4<2, 4, 5, 4>;
    cases! {
        "conv_norm": train::<Conv2DBatchNorm<4, 3, 3, 1, 1>, X, _>;
        "conv_norm_eval": evaluate::<Conv2DBatchNorm<4, 3, 3, 1, 1>, X, _>;
        "conv_norm_relu": train::<Conv2DBatchNormReLU<4, 3, 3, 1, 1>, X, _>;
        "conv_norm_relu_eval": evaluate::<Conv2DBatchNormReLU<4, 3, 3, 1, 1>, X, _>;
        "conv_norm_relu_stride2": train::<Conv2DBatchNormReLU<4, 3, 3, 2, 1>, X, _>;
        "conv_norm_relu_stride2_eval": evaluate::<Conv2DBatchNormReLU<4, 3, 3, 2, 1>, X, _>;
        "conv_norm_add_relu": residual::<true>;
        "conv_norm_add_relu_eval": residual::<false>;
    }
}

fn pools() -> Cases {
    type X = Rank4<2, 2, 7, 6>;
    cases! {
        "max_pool2d_2_stride2": both::<MaxPool2D<2, 2>, X, _>;
        "max_pool2d_2_stride2_ties": both::<MaxPool2D<2, 2>, X, _>;
        "max_pool2d_3_stride2_pad1": both::<MaxPool2D<3, 2, 1>, X, _>;
        "max_pool2d_3_stride2_pad1_ties": both::<MaxPool2D<3, 2, 1>, X, _>;
        "avg_pool2d_2_stride2": both::<AvgPool2D<2, 2>, X, _>;
        "avg_pool2d_3_stride1_pad1": both::<AvgPool2D<3, 1, 1>, X, _>;
        "avg_pool_global": both::<GlobalAvgPool2D, Rank4<3, 4, 5, 3>, _>;
    }
}

fn vectors_and_biases() -> Cases {
    cases! {
        "bias2d": both::<Bias2D<3>, Rank4<2, 3, 4, 5>, _>;
        "bias2d_relu": both::<Bias2DReLU<3>, Rank4<2, 3, 4, 5>, _>;
        "flatten": both::<Flatten2D, Rank4<2, 3, 4, 4>, _>;
        "flatten": both::<FlattenTo<48>, Rank4<2, 3, 4, 4>, _>;
        "linear": both::<Linear<7, 4>, Rank2<5, 7>, _>;
        "linear_relu": both::<LinearReLU<7, 4>, Rank2<5, 7>, _>;
    }
}

fn agree(cases: Cases) {
    let reference = reference();
    for (name, compare) in cases {
        let tensors = &reference["cases"][name];
        assert!(tensors.is_object(), "{name}: not in the file");
        compare(&Case {
            name,
            tensors,
            dev: Cpu::default(),
        });
    }
}

#[test]
fn convolutions_agree_with_pytorch() {
    agree(convolutions());
}

#[test]
fn batch_normalization_agrees_with_pytorch() {
    agree(normalizations());
}

#[test]
fn fused_convolution_and_normalization_agree_with_pytorch() {
    agree(convolutions_with_normalization());
}

#[test]
fn pools_agree_with_pytorch() {
    agree(pools());
}

#[test]
fn biases_flattening_and_linear_layers_agree_with_pytorch() {
    agree(vectors_and_biases());
}

#[test]
fn no_case_of_the_file_is_left_out() {
    let groups = [
        convolutions(),
        normalizations(),
        convolutions_with_normalization(),
        pools(),
        vectors_and_biases(),
    ];
    let reference = reference();
    for name in reference["cases"].as_object().unwrap().keys() {
        let found = groups
            .iter()
            .flatten()
            .any(|(compared, _)| compared == name);
        assert!(found, "{name}");
    }
}
