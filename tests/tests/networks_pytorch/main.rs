//! Deep networks against PyTorch's numbers: logits, and what a training step computes, from weights that both sides
//! compute. `tests/peers/networks.py` wrote the file.
//!
//! | file | what |
//! |---|---|
//! | `formula` | the weights |

mod formula;

use dfdx::{prelude::*, tensor::OwnedTape};
use sam_runtime::nn::{PyramidNet, ResNet50, ShakeShake};
use serde_json::Value;

use formula::{filled, first, tensor};

fn reference() -> Value {
    serde_json::from_str(include_str!("../../fixtures/networks.json")).unwrap()
}

/// How far `found` is from `expected`, as a part of the largest number: no more than `most`.
#[track_caller]
fn near(what: &str, found: impl IntoIterator<Item = f64>, expected: &Value, most: f64) {
    let expected: Vec<f64> = serde_json::from_value(expected.clone()).unwrap();
    let found: Vec<f64> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let off = off.fold(0.0, f64::max) / largest;
    println!("{what}: off by {off:.1e}");
    assert!(off <= most, "{what}: {off:.1e}: {found:?} {expected:?}");
}

type Images = (usize, Const<3>, usize, usize);
type Logits = (usize, Const<10>);
type Tape = OwnedTape<f64, Cpu>;

/// Evaluation, against the case of this name; in `f32`, as networks are used.
fn evaluates<N>(name: &str)
where
    N: BuildOnDevice<Cpu, f32>,
    N::Built: Module<Tensor<Images, f32, Cpu>, Output = Tensor<Logits, f32, Cpu>>,
{
    let (dev, case) = (Cpu::default(), &reference()["cases"][name]);
    let network = filled::<N, f32>(&dev);
    let side = case["side"].as_u64().unwrap() as usize;
    let images = tensor(&dev, "input", (2, Const::<3>, side, side));
    let logits = network.forward(images).as_vec().into_iter().map(f64::from);
    near(
        &format!("{name}, evaluation"),
        logits,
        &case["evaluation"],
        1e-5,
    );
}

/// A pass of training, against the case of this name: logits, gradients, running statistics. In `f64`: rounding would
/// hide what is wrong.
fn trains<N>(name: &str, prepare: fn(&mut N::Built))
where
    N: BuildOnDevice<Cpu, f64>,
    N::Built: ModuleMut<Tensor<Images, f64, Cpu, Tape>, Output = Tensor<Logits, f64, Cpu, Tape>>,
{
    let (dev, case) = (Cpu::default(), &reference()["cases"][name]);
    let mut network = filled::<N, f64>(&dev);
    prepare(&mut network);
    let side = case["side"].as_u64().unwrap() as usize;
    let images: Tensor<Images, f64, Cpu> = tensor(&dev, "batch", (4, Const, side, side));
    let logits = network.forward_mut(images.traced(network.alloc_grads()));
    near(
        &format!("{name}, training"),
        logits.as_vec(),
        &case["training"],
        1e-8,
    );
    let weights = tensor(&dev, "loss", (4, Const));
    let gradients = (logits * weights).sum().backward();
    let mut compared = 0;
    for (key, expected) in case.as_object().unwrap() {
        let found = if let Some(of) = key.strip_prefix("gradient of ") {
            first(&network, of, Some(&gradients))
        } else if let Some(of) = key.strip_suffix(" after") {
            first(&network, of, None)
        } else {
            continue;
        };
        near(&format!("{name}, {key}"), found, expected, 1e-7);
        compared += 1;
    }
    assert_eq!(compared, 6);
}

#[test]
fn resnet_50_is_torchvisions() {
    evaluates::<ResNet50<10>>("resnet50");
    trains::<ResNet50<10>>("resnet50", |_| ());
}

#[test]
fn pyramid_nets_are_pytorchs() {
    evaluates::<PyramidNet<20, 24, 10>>("pyramidnet_20_24");
    // Without what is drawn, which no other implementation draws alike.
    trains::<PyramidNet<20, 24, 10>>("pyramidnet_20_24", |network| network.keep_last = 1.0);
    let bottlenecks = "pyramidnet_29_20_bottleneck";
    evaluates::<PyramidNet<29, 20, 10, true>>(bottlenecks);
    trains::<PyramidNet<29, 20, 10, true>>(bottlenecks, |network| network.keep_last = 1.0);
}

#[test]
fn shake_shake_is_pytorchs() {
    evaluates::<ShakeShake<14, 8, 10>>("shakeshake_14_8");
}
