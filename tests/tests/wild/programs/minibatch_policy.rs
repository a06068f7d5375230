//! PPO in minibatches: three modules in a tuple, a tape put back and one made anew.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    data::IteratorBatchExt,
    optim::{Sgd, SgdConfig},
    prelude::*,
};
use rand::prelude::*;
use std::f32::consts::{E, PI};

const OBSERVATION: usize = 3;
const STATE: usize = OBSERVATION + 1;
const ACTION: usize = 2;

#[derive(Clone, Debug)]
pub(crate) struct Bias1D<const N: usize, El: Dtype, D: Device<El>> {
    pub bias: Tensor<Rank1<N>, El, D>,
}
impl<const N: usize, El: Dtype, D: Device<El>> TensorCollection<El, D> for Bias1D<N, El, D> {
    type To<E2: Dtype, D2: Device<E2>> = Bias1D<N, E2, D2>;
    fn iter_tensors<V: ModuleVisitor<Self, El, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor(
                "bias",
                |s| &s.bias,
                |s| &mut s.bias,
                dfdx::nn::tensor_collection::TensorOptions::reset_to_zeros(),
            ),
            |bias| Bias1D { bias },
        )
    }
}
impl<const N: usize, D: Device<f32>, T: Tape<f32, D>> Module<Tensor<Rank1<OBSERVATION>, f32, D, T>>
    for Bias1D<N, f32, D>
{
    type Output = Tensor<Rank1<N>, f32, D, T>;
    type Error = D::Err;
    fn try_forward(
        &self,
        x: Tensor<Rank1<OBSERVATION>, f32, D, T>,
    ) -> Result<Self::Output, D::Err> {
        let (x, tape) = x.split_tape();
        let z: Tensor<Rank1<N>, f32, D> = x.device().zeros();
        z.put_tape(tape).try_add(self.bias.clone())
    }
}

struct Config {
    iters: u32,
    updates_per_iter: u32,
    num_minibatches: usize,
    entropy_coefficient: f32,
    value_function_coefficient: f32,
    learning_rate: f64,
    learning_rate_annealing: bool,
    clip: f32,
    clip_annealing: bool,
}
struct Trainer {
    config: Config,
}

fn log_probs<S: Dim, D: Device<f32>, T: Tape<f32, D>>(
    actions: Tensor<(S, Const<ACTION>), f32, D>,
    means: Tensor<(S, Const<ACTION>), f32, D, T>,
    stddevs: Tensor<(S, Const<ACTION>), f32, D, T>,
) -> Tensor<(S,), f32, D, T>
where
    T: Merge<T> + Merge<NoneTape>,
{
    (((means - actions) / stddevs.with_empty_tape()).square() + stddevs.ln() * 2. + (2. * PI).ln())
        .sum::<(S,), Axis<1>>()
        * -0.5
}

struct Rollout {
    states: Tensor<(usize, Const<STATE>), f32, Cpu>,
    actions: Tensor<(usize, Const<ACTION>), f32, Cpu>,
    action_log_probs: Tensor<(usize,), f32, Cpu>,
    rewards: Tensor<(usize,), f32, Cpu>,
}
fn rollout(dev: &Cpu, rng: &mut StdRng) -> Rollout {
    let n = 12;
    let s: Vec<f32> = (0..n * STATE).map(|_| rng.gen_range(-1.0..1.0)).collect();
    let a: Vec<f32> = (0..n * ACTION).map(|_| rng.gen_range(-1.0..1.0)).collect();
    let l: Vec<f32> = (0..n).map(|_| rng.gen_range(-3.0..-1.0)).collect();
    let r: Vec<f32> = (0..n).map(|i| s[i * STATE] + a[i * ACTION]).collect();
    Rollout {
        states: dev.tensor_from_vec(s, (n, Const)),
        actions: dev.tensor_from_vec(a, (n, Const)),
        action_log_probs: dev.tensor_from_vec(l, (n,)),
        rewards: dev.tensor_from_vec(r, (n,)),
    }
}

pub(crate) fn drive() {
    let t = Trainer {
        config: Config {
            iters: h::steps() as u32,
            updates_per_iter: if h::steps() == 1 { 1 } else { 2 },
            num_minibatches: if h::steps() == 1 { 1 } else { 3 },
            entropy_coefficient: 0.01,
            value_function_coefficient: 0.5,
            learning_rate: h::lr(),
            learning_rate_annealing: true,
            clip: 0.2,
            clip_annealing: true,
        },
    };
    let mut seen = vec![];
    t.train(&mut |f: f64| seen.push(f), &mut StdRng::seed_from_u64(5));
    println!("{seen:?}");
}

impl Trainer {
    #[sam_train(rho = 0.05)]
    fn train<H>(&self, progress_handler: &mut H, rng: &mut StdRng)
    where
        H: FnMut(f64),
    {
        let dev = Cpu::seed_from_u64(1);
        type Policy = (Linear<OBSERVATION, 6>, Tanh, Linear<6, ACTION>);
        type Critic = (Linear<STATE, 6>, Tanh, Linear<6, 1>);
        let mut nets = (
            dev.build_module::<Policy, f32>(),
            Bias1D::<ACTION, f32, Cpu> { bias: dev.zeros() },
            dev.build_module::<Critic, f32>(),
        );
        nets.1.bias = nets.1.bias + 0.5;
        h::init(&mut nets);

        let mut gradients = nets.alloc_grads();
        let mut optimizer = Sgd::new(
            &nets,
            SgdConfig {
                lr: self.config.learning_rate,
                momentum: None,
                weight_decay: None,
            },
        );

        for i in 0..self.config.iters {
            let frac = f64::from(i) / f64::from(self.config.iters);
            progress_handler(frac);

            if self.config.learning_rate_annealing {
                optimizer.cfg.lr = (1.0 - frac) * self.config.learning_rate;
            }
            let clip = if self.config.clip_annealing {
                (1.0 - frac as f32) * self.config.clip
            } else {
                self.config.clip
            };
            let Rollout {
                states,
                actions,
                action_log_probs,
                rewards,
            } = rollout(&dev, rng);

            let estimated_values = {
                let mut f = nets.clone();
                if let Some(p) = h::frozen() {
                    h::set(&mut f, &p)
                }
                f.2.forward(states.clone())
            };
            let advantages = {
                let shape = (estimated_values.shape().0,);
                rewards.clone() - estimated_values.reshape_like(&shape)
            };
            let mut all_indices = (0..states.shape().0).collect::<Vec<_>>();

            for _ in 0..self.config.updates_per_iter {
                let batch_size = all_indices.len() / self.config.num_minibatches;
                all_indices.shuffle(rng);
                for batch_indices in all_indices.iter().copied().batch_with_last(batch_size) {
                    let batch_len = batch_indices.len();
                    let batch_indices = dev.tensor_from_vec(batch_indices, (batch_len,));

                    let batch_states = states.clone().gather(batch_indices.clone());
                    let batch_observations = batch_states
                        .clone()
                        .slice((.., ..OBSERVATION))
                        .reshape_like(&(batch_len, Const::<OBSERVATION>));

                    let batch_means = nets.0.forward(batch_observations.traced(gradients));

                    let stddevs = nets.1.forward(dev.zeros::<Rank1<OBSERVATION>>().retaped());

                    let batch_stddevs = stddevs
                        .with_empty_tape()
                        .broadcast_like(batch_means.shape());

                    let batch_action_log_probs = log_probs(
                        actions.clone().gather(batch_indices.clone()),
                        batch_means,
                        batch_stddevs,
                    );

                    let batch_ratios = (batch_action_log_probs
                        - action_log_probs.clone().gather(batch_indices.clone()))
                    .exp();

                    let batch_advantages = advantages.clone().gather(batch_indices.clone());
                    let batch_advantages = (batch_advantages.clone()
                        - batch_advantages.clone().mean::<Rank0, _>().array())
                        / (batch_advantages.stddev::<Rank0, _>(0.).array() + 1e-10);

                    let policy_loss = (-minimum(
                        batch_ratios.with_empty_tape() * batch_advantages.clone(),
                        clamp(batch_ratios, 1. - clip, 1. + clip) * batch_advantages.clone(),
                    ))
                    .sum::<Rank0, _>()
                        * self.config.value_function_coefficient;

                    let batch_estimated_values =
                        nets.2.forward(batch_states.retaped::<OwnedTape<_, _>>());

                    let batch_rewards = rewards.clone().gather(batch_indices);

                    let critic_loss = mse_loss(
                        batch_estimated_values.reshape_like(batch_rewards.shape()),
                        batch_rewards.clone(),
                    );

                    let entropy = ((stddevs.square() * 2. * PI * E).ln() / 2.).sum::<Rank0, _>();

                    let loss = policy_loss + critic_loss * self.config.value_function_coefficient
                        - entropy * self.config.entropy_coefficient;

                    gradients = loss.backward();
                    optimizer.update(&mut nets, &gradients).unwrap();
                    nets.zero_grads(&mut gradients);
                }
            }
            let now = mse_loss(
                nets.2.forward(states.clone()).reshape_like(rewards.shape()),
                rewards.clone(),
            )
            .array();
            h::loss(now as f64);
            println!("{frac} {now}");
        }
        h::done(&nets);
    }
}
