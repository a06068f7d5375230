//! A GAN: a generator that learns to draw points of a circle, and a discriminator that tells them from real ones.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{nn::loss::BinaryCrossEntropyLoss, prelude::*};

const B: usize = 128;

type Generator = (Linear<4, 32>, ReLU, Linear<32, 32>, ReLU, Linear<32, 2>);
type Discriminator = (Linear<2, 32>, ReLU, Linear<32, 32>, ReLU, Linear<32, 1>);
/// Not `Rank2<B, N>`: dfdx puts tensors one behind the other only along an axis of any length.
type Rows<const N: usize> = Tensor<(usize, Const<N>), f32, Cpu>;

/// A step of the discriminator, by SAM: one batch of real points and drawn ones.
#[sam_train(rho = 0.05)]
fn tell_apart(
    model: &mut Built<Discriminator>,
    opt: &mut Adam<Built<Discriminator>, f32, Cpu>,
    real: Rows<2>,
    drawn: Rows<2>,
) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let one = (B, Const::<1>);
    let labels = (dev.ones_like(&one), dev.zeros_like(&one)).concat_along(Axis::<0>);
    let points = (real, drawn).concat_along(Axis::<0>);
    let logits = model.forward_mut(points.traced(model.alloc_grads()));
    let loss = BinaryCrossEntropyLoss::new().forward(logits, labels);
    let grads = loss.backward();
    Ok(opt.update(model, &grads)?)
}

/// A step of the generator, without SAM: what it draws is to pass for real.
fn deceive(
    model: &mut Built<Generator>,
    opt: &mut Adam<Built<Generator>, f32, Cpu>,
    discriminator: &Built<Discriminator>,
    noise: Rows<4>,
) -> anyhow::Result<()> {
    let drawn = model.forward_mut(noise.traced(model.alloc_grads()));
    let logits = discriminator.forward(drawn);
    let loss = BinaryCrossEntropyLoss::new().forward(logits, Cpu::default().ones_like(&(B, Const)));
    let grads = loss.backward();
    Ok(opt.update(model, &grads)?)
}

/// Mean and deviation of the points' distance from the middle.
fn radius(points: &Rows<2>) -> String {
    let radii = points.clone().square().sum::<_, Axis<1>>().sqrt();
    let mean = radii.clone().mean::<Rank0, _>().array();
    format!(
        "radius {mean:.2} ± {:.2}",
        radii.stddev::<Rank0, _>(0.0).array()
    )
}

fn main() -> anyhow::Result<()> {
    let dev = Cpu::seed_from_u64(0);
    let mut generator = dev.build_module::<Generator, f32>();
    let mut discriminator = dev.build_module::<Discriminator, f32>();
    let mut draws = Adam::new(&generator, AdamConfig::default());
    let mut tells = Adam::new(&discriminator, AdamConfig::default());

    // Directions at random, two away from the middle.
    let real = || {
        let points: Rows<2> = dev.sample_normal_like(&(B, Const));
        let lengths = points.clone().square().sum::<_, Axis<1>>().sqrt();
        let circle = points.clone() / lengths.broadcast_like(&points) * 2.0;
        circle + dev.sample_normal_like(&points) * 0.05
    };
    let noise = || -> Rows<4> { dev.sample_normal_like(&(B, Const)) };
    println!("real points: {}", radius(&real()));
    for step in 0..=2_000 {
        let drawn = generator.forward(noise());
        if step % 500 == 0 {
            println!("step {step}: {}", radius(&drawn));
        }
        tell_apart(&mut discriminator, &mut tells, real(), drawn)?;
        deceive(&mut generator, &mut draws, &discriminator, noise())?;
    }
    Ok(())
}
