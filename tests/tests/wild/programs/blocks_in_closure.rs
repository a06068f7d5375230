//! Two heads, each trained in a block of its own, in a closure over the epochs.

use super::sam_train;
use crate::harness::{self as h, print, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};
type Core = (Linear<4, 6>, ReLU);
pub(crate) fn drive() {
    main_loop()
}
#[sam_train(rho = 0.05)]
fn main_loop() {
    let dev = Cpu::seed_from_u64(4);
    let mut core_model = dev.build_module::<Core, f64>();
    h::init(&mut core_model);
    let mut logits_model = dev.build_module::<Linear<6, 3>, f64>();
    let mut value_model = dev.build_module::<Linear<6, 1>, f64>();
    let mut opt = Sgd::new(
        &core_model,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    (0..h::steps()).for_each(|epoch| {
        let mut grads = core_model.alloc_grads();
        let root_vecs = [[0.1, 0.4, -0.3, epoch as f64 / 60.0], [0.5, -0.2, 0.9, 0.0]];
        grads = {
            let root_tensor = dev.tensor(root_vecs.clone());
            let traced_predictions = core_model.forward(root_tensor.trace(grads));
            let predicted_logits = logits_model.forward(traced_predictions);
            let observed = dev.tensor([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]);
            let cross_entropy = cross_entropy_with_logits_loss(predicted_logits, observed);
            print!("{:10}\t", cross_entropy.array());
            h::loss(cross_entropy.array());
            cross_entropy.backward()
        };
        grads = {
            let root_tensor = dev.tensor(root_vecs.clone());
            let traced_predictions = core_model.forward(root_tensor.trace(grads));
            let predicted_values = value_model.forward(traced_predictions);
            let observed_values = dev.tensor([[0.3], [-0.2]]);
            let square_error = mse_loss(predicted_values, observed_values);
            println!("{}", square_error.array());
            square_error.backward()
        };
        opt.update(&mut core_model, &grads).unwrap();
        core_model.zero_grads(&mut grads);
    });
    h::done(&core_model);
}
