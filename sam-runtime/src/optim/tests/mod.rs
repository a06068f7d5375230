//! What the tests of optimizers share: a small network, its gradients, its bits.

mod blocks;
mod config;
mod equality;
#[cfg(feature = "f16")]
mod f16;
mod formulas;
mod groups;
mod missing;
mod reference;
mod resume;
mod state;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::doors::{
    buffer::upload,
    walk::{Which, each, each_named, each_named_mut},
};

/// Two matrices, four vectors, and two running statistics that are no parameters.
type Mlp = (Linear<6, 8>, BatchNorm1D<8>, ReLU, Linear<8, 3>);
type Built<E> = <Mlp as BuildOnDevice<Cpu, E>>::Built;

/// The parameters of [`Mlp`], in their order.
const NAMES: [&str; 6] = [
    "0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias",
];

/// Calls a test with a network of `f32` and one of `f64`.
macro_rules! of_both_types {
    ($($test:ident)*) => {$(
        mod $test {
            use super::super::{Built, Mlp};
            use dfdx::prelude::*;

            #[test]
            fn f32() {
                super::$test::<f32, Built<f32>>(&Cpu::default().build_module::<Mlp, f32>());
            }

            #[test]
            fn f64() {
                super::$test::<f64, Built<f64>>(&Cpu::default().build_module::<Mlp, f64>());
            }
        }
    )*};
}
use of_both_types;

/// Normally distributed gradients of very different sizes, among them zeros of both signs.
fn gradients<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M, seed: u64) -> Gradients<E, Cpu>
where
    Cpu: Device<E>,
{
    gradients_of(model, seed, |_| true)
}

/// The same, with none for parameters for whose position `has` is false.
fn gradients_of<E: Dtype, M: TensorCollection<E, Cpu>>(
    model: &M,
    seed: u64,
    has: impl Fn(usize) -> bool,
) -> Gradients<E, Cpu>
where
    Cpu: Device<E>,
{
    let mut gradients = Gradients::leaky();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut at = 0;
    each(model, Which::Parameters, &mut |t| {
        let here = has(at);
        at += 1;
        let normal = StandardNormal.sample_iter(&mut rng);
        let values: Vec<f64> = normal.take(t.len()).collect();
        if here {
            let sizes = [1.0, 1e-3, 30.0, 0.0, -0.0, 1e-7, 0.1].iter().cycle();
            let values = values.iter().zip(sizes).map(|(x, size)| x * size);
            let values: Vec<E> = values.map(|x| E::from_f64(x).unwrap()).collect();
            *t.gradient(&mut gradients)? = upload(t.device(), &values).unwrap();
        }
        Ok(())
    })
    .unwrap();
    gradients
}

/// All tensors, as f64.
fn values<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M) -> Vec<Vec<f64>>
where
    Cpu: Device<E>,
{
    let mut all = Vec::new();
    each_named(model, Which::All, &mut |_, t| {
        all.push(t.values().iter().map(|x| x.to_f64().unwrap()).collect());
        Ok(())
    })
    .unwrap();
    all
}

/// The bits of all tensors.
fn bits<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M) -> Vec<u64>
where
    Cpu: Device<E>,
{
    values(model)
        .concat()
        .iter()
        .map(|x: &f64| x.to_bits())
        .collect()
}

/// Copies all numbers of `from` into `into`, whose tensors keep their ids.
fn copy<E: Dtype, M: TensorCollection<E, Cpu>>(into: &mut M, from: &M)
where
    Cpu: Device<E>,
{
    let mut values = Vec::new();
    each_named(from, Which::All, &mut |_, t| {
        values.push(t.values());
        Ok(())
    })
    .unwrap();
    let mut values = values.iter();
    each_named_mut(into, Which::All, &mut |_, t| {
        t.write(values.next().unwrap())
    })
    .unwrap();
}
