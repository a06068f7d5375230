//! `self` is taken apart; the gradients are an `Option`, the logits masked under an `if let`.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    losses::cross_entropy_with_logits_loss,
    nn::{BuildOnDevice, DeviceBuildExt, Module, ZeroGrads},
    optim::{Optimizer, Sgd, SgdConfig},
    shapes::Rank2,
    tensor::{AsArray, Cpu, Gradients, OwnedTape, Tensor, Trace, ZerosTensor},
    tensor_ops::Backward,
};
pub(crate) struct Model1<L, const BATCH: usize, const STATE: usize, const ACTION: usize>
where
    L: BuildOnDevice<Cpu, f64>,
{
    dev: Cpu,
    pi_model: <L as BuildOnDevice<Cpu, f64>>::Built,
    pi_adam: Sgd<<L as BuildOnDevice<Cpu, f64>>::Built, f64, Cpu>,
    pi_gradients: Option<Gradients<f64, Cpu>>,
    x_t_dev: Tensor<Rank2<BATCH, STATE>, f64, Cpu>,
    pi_t_dev: Tensor<Rank2<BATCH, ACTION>, f64, Cpu>,
    logits_mask_dev: Option<Tensor<Rank2<BATCH, ACTION>, f64, Cpu>>,
}
impl<L, const BATCH: usize, const STATE: usize, const ACTION: usize> Model1<L, BATCH, STATE, ACTION>
where
    L: BuildOnDevice<Cpu, f64>,
    <L as dfdx::nn::BuildOnDevice<dfdx::tensor::Cpu, f64>>::Built: Clone
        + Module<
            Tensor<Rank2<BATCH, STATE>, f64, Cpu, OwnedTape<f64, Cpu>>,
            Output = Tensor<Rank2<BATCH, ACTION>, f64, Cpu, OwnedTape<f64, Cpu>>,
        >,
{
    #[sam_train(rho = 0.05)]
    fn update_model(&mut self, x_t: &[f64], logits_mask: Option<&[f64]>, pi_0_obs: &[f64]) -> f64 {
        let Self {
            dev,
            pi_model,
            pi_adam,
            pi_gradients,
            x_t_dev,
            pi_t_dev,
            logits_mask_dev,
        } = self;
        x_t_dev.copy_from(x_t);
        pi_t_dev.copy_from(pi_0_obs);
        let mut some_pi_gradients = pi_gradients
            .take()
            .unwrap_or_else(|| pi_model.alloc_grads());
        let mut predicted_logits_traced =
            pi_model.forward(x_t_dev.clone().traced(some_pi_gradients));
        if let Some(mask) = logits_mask {
            let mask_dev = logits_mask_dev.get_or_insert_with(|| dev.zeros());
            mask_dev.copy_from(mask);
            predicted_logits_traced = predicted_logits_traced + mask_dev.clone();
        }
        let cross_entropy =
            cross_entropy_with_logits_loss(predicted_logits_traced, pi_t_dev.clone());
        let entropy = cross_entropy.array();
        some_pi_gradients = cross_entropy.backward();
        pi_adam
            .update(pi_model, &some_pi_gradients)
            .expect("optimizer failed");
        pi_model.zero_grads(&mut some_pi_gradients);
        *pi_gradients = Some(some_pi_gradients);
        entropy
    }
}
type Net = (
    dfdx::nn::builders::Linear<3, 6>,
    dfdx::nn::builders::Tanh,
    dfdx::nn::builders::Linear<6, 3>,
);
pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(1);
    let mut pi_model = dev.build_module::<Net, f64>();
    h::init(&mut pi_model);
    let pi_adam = Sgd::new(
        &pi_model,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let mut m = Model1::<Net, 2, 3, 3> {
        x_t_dev: dev.zeros(),
        pi_t_dev: dev.zeros(),
        dev,
        pi_model,
        pi_adam,
        pi_gradients: None,
        logits_mask_dev: None,
    };
    for i in 0..h::steps() {
        let l = m.update_model(
            &[0.1, 0.5, 0.3, -0.2, i as f64 % 3.0, 0.4],
            (i % 2 == 0).then_some(&[0.0, -2.0, 0.0, 0.0, 0.0, -1.0]),
            &[0.7, 0.2, 0.1, 0.1, 0.8, 0.1],
        );
        println!("{l} {}", m.logits_mask_dev.is_some());
        h::loss(l);
    }
    h::done(&m.pi_model);
}
