//! A discriminator and a generator, trained in turn in one loop.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::optim::{Sgd, SgdConfig};
use dfdx::prelude::*;
type Discriminator = (
    (Linear<6, 8>, LeakyReLU<f64>),
    (Linear<8, 4>, LeakyReLU<f64>),
    Linear<4, 1>,
);
type Generator = ((Linear<3, 8>, LeakyReLU<f64>), Linear<8, 6>);
const BATCH_SIZE: usize = 4;
pub(crate) fn drive() {
    main_loop()
}
#[sam_train(rho = 0.05)]
fn main_loop() {
    let dev: Cpu = Cpu::seed_from_u64(1);
    let mut discriminator = Discriminator::build_on_device(&dev);
    h::init(&mut discriminator);
    let mut discriminator_grads = discriminator.alloc_grads();
    let mut discriminator_sgd = Sgd::new(
        &discriminator,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let mut generator = Generator::build_on_device(&dev);
    let mut generator_grads = generator.alloc_grads();
    let mut generator_sgd = Sgd::new(
        &generator,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let labels: Vec<f64> = (0..BATCH_SIZE)
        .map(|_| 0.0)
        .chain((0..BATCH_SIZE).map(|_| 1.0))
        .collect();
    for iteration in 1..=h::steps() {
        let mut x_raw: Vec<f64> = (0..BATCH_SIZE * 6).map(|i| (i % 5) as f64 / 5.0).collect();
        let latent_input: Tensor<Rank2<BATCH_SIZE, 3>, f64, _> = dev.sample_normal();
        let generated_data = generator.forward(latent_input);
        x_raw.extend(generated_data.as_vec().iter());
        let x = dev.tensor_from_vec(x_raw, (BATCH_SIZE * 2, Const::<6>));
        let y = dev.tensor_from_vec(labels.clone(), (BATCH_SIZE * 2, Const::<1>));
        let prediction = discriminator.forward_mut(x.traced(discriminator_grads));
        let loss = mse_loss(prediction, y);
        if iteration % 2 == 0 {
            println!(
                "Iteration: {iteration}, Discriminator loss: {}",
                loss.array()
            );
        }
        h::loss(loss.array());
        discriminator_grads = loss.backward();
        discriminator_sgd
            .update(&mut discriminator, &discriminator_grads)
            .expect("Unable to update weights of discriminator");
        discriminator.zero_grads(&mut discriminator_grads);

        let latent_input: Tensor<Rank2<BATCH_SIZE, 3>, f64, _> = dev.sample_normal();
        let generated_predictions =
            discriminator.forward_mut(generator.forward_mut(latent_input.traced(generator_grads)));
        let gen_y: Tensor<Rank2<BATCH_SIZE, 1>, f64, _> = dev.zeros() + dev.sample_normal() * 0.2;
        let generated_loss = mse_loss(generated_predictions, gen_y);
        if iteration % 2 == 0 {
            println!(
                "Iteration: {iteration}, Generator loss: {}",
                generated_loss.array()
            );
        }
        generator_grads = generated_loss.backward();
        generator_sgd
            .update(&mut generator, &generator_grads)
            .expect("Unable to update weights of generator");
        generator.zero_grads(&mut generator_grads);
    }
    h::done(&discriminator);
}
