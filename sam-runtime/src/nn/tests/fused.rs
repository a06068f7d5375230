//! Fused layers are their parts, one after the other.

use dfdx::prelude::{modules, *};

use super::{close, gradients};
use crate::nn;

type X = Tensor<Rank4<3, 4, 7, 7>, f64, Cpu>;

/// Trains twice and evaluates, fused and in parts; the parts get their tensors from the fused layer.
macro_rules! convolution {
    ($name:ident: $layer:ident<$($n:literal),*>, $($relu:ident)?) => {
        #[test]
        fn $name() {
            let dev = Cpu::seed_from_u64(5);
            let mut fused = dev.build_module::<nn::$layer<$($n),*>, f64>();
            fused.norm.scale.fill_with_distr(rand_distr::Uniform::new(0.5, 2.0));
            fused.norm.bias.fill_with_distr(rand_distr::StandardNormal);
            let mut parts = (fused.conv.clone(), fused.norm.clone(), $($relu)?);
            for _ in 0..2 {
                let x: X = dev.sample_normal();
                let (y, grads) = gradients(fused.forward_mut(x.leaky_trace()));
                let (expected, expected_grads) = gradients(parts.forward_mut(x.leaky_trace()));
                close(&y, &expected);
                close(&grads.get(&x).as_vec(), &expected_grads.get(&x).as_vec());
                let weight = &fused.conv.weight;
                close(&grads.get(weight).as_vec(), &expected_grads.get(weight).as_vec());
                for p in [&fused.norm.scale, &fused.norm.bias] {
                    close(&grads.get(p).as_vec(), &expected_grads.get(p).as_vec());
                }
                let (found, expected) = (&fused.norm, &parts.1);
                close(&found.running_mean.as_vec(), &expected.running_mean.as_vec());
                close(&found.running_var.as_vec(), &expected.running_var.as_vec());
                close(&fused.forward(x.clone()).as_vec(), &parts.forward(x).as_vec());
            }
        }
    };
}

convolution!(conv_batch_norm: Conv2DBatchNorm<4, 6, 3, 1, 1>,);
convolution!(conv_batch_norm_relu: Conv2DBatchNormReLU<4, 6, 3, 1, 1>, ReLU);
convolution!(strided: Conv2DBatchNormReLU<4, 6, 3, 2, 1>, ReLU);
convolution!(grouped: Conv2DBatchNorm<4, 6, 3, 2, 0, 1, 2>,);

#[test]
fn batch_norm_relu() {
    let dev = Cpu::seed_from_u64(6);
    let mut fused = dev.build_module::<nn::BatchNorm2DReLU<4>, f64>();
    fused.norm.bias.fill_with_distr(rand_distr::StandardNormal);
    let mut parts = (fused.norm.clone(), ReLU);
    let x: X = dev.sample_normal();
    let (y, grads) = gradients(fused.forward_mut(x.leaky_trace()));
    let (expected, expected_grads) = gradients(parts.forward_mut(x.leaky_trace()));
    close(&y, &expected);
    close(&grads.get(&x).as_vec(), &expected_grads.get(&x).as_vec());
    let bias = &fused.norm.bias;
    close(
        &grads.get(bias).as_vec(),
        &expected_grads.get(bias).as_vec(),
    );
    close(
        &fused.forward(x.clone()).as_vec(),
        &parts.forward(x).as_vec(),
    );
}

#[test]
fn bias_and_bias_relu() {
    let dev = Cpu::seed_from_u64(7);
    let mut fused = dev.build_module::<nn::Bias2DReLU<4>, f64>();
    fused.bias.bias.fill_with_distr(rand_distr::StandardNormal);
    let bias = fused.bias.bias.clone();
    let dfdx = modules::Bias2D { bias: bias.clone() };
    let x: X = dev.sample_normal();

    let (y, grads) = gradients(fused.bias.forward(x.leaky_trace()));
    let (expected, expected_grads) = gradients(dfdx.forward(x.leaky_trace()));
    close(&y, &expected);
    close(
        &grads.get(&bias).as_vec(),
        &expected_grads.get(&bias).as_vec(),
    );

    let (y, grads) = gradients(fused.forward(x.leaky_trace()));
    let (expected, expected_grads) = gradients(dfdx.forward(x.leaky_trace()).relu());
    close(&y, &expected);
    close(&grads.get(&x).as_vec(), &expected_grads.get(&x).as_vec());
    close(
        &grads.get(&bias).as_vec(),
        &expected_grads.get(&bias).as_vec(),
    );
}

#[test]
fn linear_and_linear_relu_as_dfdx() {
    let dev = Cpu::seed_from_u64(8);
    let fused = dev.build_module::<nn::LinearReLU<5, 3>, f64>();
    let (weight, bias) = (&fused.linear.weight, &fused.linear.bias);
    let dfdx = modules::Linear {
        weight: weight.clone(),
        bias: bias.clone(),
    };
    let x: Tensor<Rank2<4, 5>, f64, _> = dev.sample_normal();
    for relu in [false, true] {
        let (y, expected) = if relu {
            let expected = dfdx.forward(x.leaky_trace()).relu();
            (fused.forward(x.leaky_trace()), expected)
        } else {
            let expected = dfdx.forward(x.leaky_trace());
            (fused.linear.forward(x.leaky_trace()), expected)
        };
        let ((y, grads), (expected, expected_grads)) = (gradients(y), gradients(expected));
        close(&y, &expected);
        close(&grads.get(&x).as_vec(), &expected_grads.get(&x).as_vec());
        close(
            &grads.get(weight).as_vec(),
            &expected_grads.get(weight).as_vec(),
        );
        close(
            &grads.get(bias).as_vec(),
            &expected_grads.get(bias).as_vec(),
        );
    }
}
