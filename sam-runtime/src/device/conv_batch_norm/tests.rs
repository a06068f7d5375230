//! A chain on host memory is its layers one after the other, to the last bit.

use dfdx::prelude::*;

use super::{ConvNorm, TryConv2DBatchNorm, one_after_the_other};
use crate::device::{
    Affine, Image, Tail, Window, batch_norm::checks::affine, layers::checks::Numbers,
};

const WINDOW: Window = Window {
    size: 3,
    stride: 1,
    padding: 1,
    dilation: 1,
};

#[test]
fn a_chain_is_its_layers_one_after_the_other() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(1));
    let x: Image<f32, Cpu> = numbers.tensor(&dev, (5, 16, 8, 12));
    let beside: Image<f32, Cpu> = numbers.tensor(&dev, (5, 32, 4, 6));
    let r: Image<f32, Cpu> = numbers.tensor(&dev, (5, 32, 4, 6));
    let halving = Window {
        stride: 2,
        ..WINDOW
    };
    let kernels: Vec<(Image<f32, Cpu>, Window)> =
        [(16, 16, WINDOW), (16, 32, halving), (32, 32, WINDOW)]
            .map(|(inputs, outputs, window)| {
                (numbers.tensor(&dev, (outputs, inputs, 3, 3)), window)
            })
            .into();
    let affines: Vec<Affine<f32, Cpu>> = [16, 32, 32]
        .map(|channels| affine(&mut numbers, &dev, channels, 1e-5))
        .into();
    let layers: Vec<_> = kernels
        .iter()
        .zip(&affines)
        .map(|((weight, window), affine)| ConvNorm {
            weight,
            window: *window,
            groups: 1,
            affine,
        })
        .collect();
    let computed = |together: bool| {
        let tail = Tail {
            residual: Some(beside.leaky_trace()),
            relu: true,
        };
        let (y, moments) = match together {
            true => Cpu::try_conv2d_batch_norms(x.leaky_trace(), &layers, tail),
            false => one_after_the_other(x.leaky_trace(), &layers, tail),
        }
        .unwrap();
        let mut all = vec![y.as_vec()];
        let gradients = (y * r.clone()).sum::<Rank0, _>().backward();
        all.push(gradients.get(&x).as_vec());
        all.push(gradients.get(&beside).as_vec());
        for layer in &layers {
            all.push(gradients.get(layer.weight).as_vec());
            all.push(gradients.get(&layer.affine.scale).as_vec());
            all.push(gradients.get(&layer.affine.bias).as_vec());
        }
        for moments in moments {
            all.extend([moments.mean.as_vec(), moments.variance.as_vec()]);
        }
        all
    };
    for (i, (a, b)) in computed(true).iter().zip(&computed(false)).enumerate() {
        let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b);
        assert!(same, "number {i} differs");
    }
}
