//! A learner whose statements run in spans of a tracer, `backward` and `update` too.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};
struct Span(&'static str);
struct Entered;
impl Span {
    fn enter(&self) -> Entered {
        h::rec(format!("> {}", self.0));
        Entered
    }
    fn in_scope<R>(self, f: impl FnOnce() -> R) -> R {
        h::rec(format!("> {}", self.0));
        f()
    }
}
macro_rules! trace_span {
    ($n:literal) => {
        Span($n)
    };
}
#[derive(Default, Debug)]
pub(crate) struct TrainingStats {
    pub pg_loss: f64,
    pub(crate) vf_loss: f64,
    pub(crate) entropy: f64,
    pub(crate) approxkl: f64,
}
type Net = SplitInto<(
    (Linear<3, 6>, Tanh, Linear<6, 1>),
    (Linear<3, 6>, Tanh, Linear<6, 2>),
)>;
type Policy = <Net as BuildOnDevice<Cpu, f64>>::Built;
struct Batch {
    observations: Tensor<Rank2<6, 3>, f64, Cpu>,
    actions: Tensor<Rank1<6>, usize, Cpu>,
    values: Tensor<Rank1<6>, f64, Cpu>,
    returns: Tensor<Rank1<6>, f64, Cpu>,
    neglogps: Tensor<Rank1<6>, f64, Cpu>,
    advantages: Tensor<Rank1<6>, f64, Cpu>,
}
struct Learner {
    model: Policy,
    optim: Sgd<Policy, f64, Cpu>,
    grads: Gradients<f64, Cpu>,
    cpu_device: Cpu,
    step_span: Span,
    clip: f64,
}
fn neglog<T: Tape<f64, Cpu>>(
    l: Tensor<Rank2<6, 2>, f64, Cpu, T>,
    a: Tensor<Rank1<6>, usize, Cpu>,
) -> Tensor<Rank1<6>, f64, Cpu, T> {
    -l.log_softmax::<Axis<1>>().select(a)
}
fn dist_entropy<T: Tape<f64, Cpu> + Merge<T>>(
    l: Tensor<Rank2<6, 2>, f64, Cpu, T>,
) -> Tensor<Rank1<6>, f64, Cpu, T> {
    let lp = l.log_softmax::<Axis<1>>();
    -(lp.with_empty_tape().exp() * lp).sum::<Rank1<6>, _>()
}
impl Learner {
    #[sam_train(rho = 0.05)]
    pub(crate) fn step(&mut self, batch: Batch) -> TrainingStats {
        let _enter = self.step_span.enter();
        let mut stats = TrainingStats::default();
        let batch_size = 6;
        let input = batch.observations;
        let forward_span = trace_span!("model.forward");
        let _forward_enter = forward_span.enter();

        let (critic, policy_latent) = self.model.forward(input.trace(self.grads.clone()));

        drop(_forward_enter);

        let critic: Tensor<Rank1<6>, f64, _, _> = critic.reshape();
        let neglogps = neglog(policy_latent.with_empty_tape(), batch.actions);

        stats.approxkl = trace_span!("approxkl").in_scope(|| -> f64 {
            let nlp = neglogps.retaped::<NoneTape>();
            let nlp_diff = nlp - batch.neglogps.clone();
            nlp_diff.square().mean().array() * 0.5
        });

        let entropy = trace_span!("entropy").in_scope(|| {
            let entropy = dist_entropy(policy_latent).mean::<Rank0, _>();
            stats.entropy = entropy.array();
            entropy
        });

        let values = batch.values;
        let returns = batch.returns;

        let values_clipped =
            (critic.with_empty_tape() - values.clone()).clamp(-self.clip, self.clip) + values;
        let vf_losses1 = (critic - returns.clone()).square();
        let vf_losses2 = (values_clipped - returns).square();
        let vf_loss = vf_losses1.maximum(vf_losses2).mean::<Rank0, _>() * 0.5;
        stats.vf_loss = trace_span!("vf_loss").in_scope(|| vf_loss.array());

        let ratio = (-neglogps + batch.neglogps).exp();
        let neg_advs = -batch.advantages;
        let pg_losses1 = ratio.with_empty_tape() * neg_advs.clone();
        let pg_losses2 = ratio.clamp(1.0 - self.clip, 1.0 + self.clip) * neg_advs;
        let pg_loss = pg_losses1.maximum(pg_losses2).mean::<Rank0, _>();

        stats.pg_loss = trace_span!("pg_loss").in_scope(|| pg_loss.array());

        let loss = (pg_loss - (entropy * 0.01)) + (vf_loss * 0.5);

        self.grads = trace_span!("loss.backward").in_scope(|| loss.backward());
        trace_span!("optim.step").in_scope(|| {
            self.optim
                .update(&mut self.model, &self.grads)
                .expect("Unused params")
        });
        self.model.zero_grads(&mut self.grads);

        stats
    }
}
pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Net, f64>();
    h::init(&mut model);
    let optim = Sgd::new(
        &model,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let grads = model.alloc_grads();
    let mut l = Learner {
        model,
        optim,
        grads,
        cpu_device: dev.clone(),
        step_span: Span("step"),
        clip: 0.2,
    };
    for i in 0..h::steps() {
        let o: Tensor<Rank2<6, 3>, f64, _> = dev.sample_normal();
        let s = l.step(Batch {
            actions: dev.tensor([0, 1, 1, 0, 1, 0]),
            values: dev.zeros(),
            returns: dev.tensor([0.5, 0.2, -0.3, 0.1, 0.0, 0.9]),
            neglogps: dev.tensor([0.7; 6]),
            advantages: dev.tensor([0.3, -0.4, 0.1, 0.2, -0.6, 0.5]),
            observations: o,
        });
        println!("{s:?}");
        h::loss(s.vf_loss);
    }
    h::done(&l.model);
}
