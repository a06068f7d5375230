//! An agent with a second network, and sums of losses in its statistics.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
    tensor::{Tensor, TensorFrom},
    tensor_ops::Backward,
};
use rand::prelude::*;
const BATCH: usize = 6;
const ACTION: usize = 3;
type Network = (
    (Linear<4, 8>, Tanh),
    SplitInto<(Linear<8, ACTION>, Linear<8, 1>)>,
);
type NetworkModel = <Network as BuildOnDevice<Cpu, f64>>::Built;
type BatchTensor<E> = Tensor<Rank1<BATCH>, E, Cpu>;
#[derive(Debug, Default)]
pub struct Stats {
    critic_loss: f64,
    actor_loss: f64,
    total_loss: f64,
    total_steps: usize,
}
struct Memory(StdRng);
impl Memory {
    fn len(&self) -> usize {
        50
    }
    fn sample<const B: usize>(
        &mut self,
    ) -> (Vec<[f64; 4]>, [usize; B], [f64; B], Vec<[f64; 4]>, [f64; B]) {
        (
            (0..B)
                .map(|_| [(); 4].map(|_| self.0.gen_range(-1.0..1.0)))
                .collect(),
            [(); B].map(|_| self.0.gen_range(0..ACTION)),
            [(); B].map(|_| self.0.gen_range(-1.0..1.0)),
            vec![[0.3; 4]; B],
            [0.9; B],
        )
    }
}
pub(crate) struct PPOAgent {
    stats: Stats,
    dev: Cpu,
    network: NetworkModel,
    target_network: NetworkModel,
    grads: Gradients<f64, Cpu>,
    optimizer: Sgd<NetworkModel, f64, Cpu>,
    memory: Memory,
}
impl PPOAgent {
    #[sam_train(rho = 0.05)]
    pub(crate) fn learn(&mut self) {
        if self.memory.len() < BATCH {
            return ();
        }
        self.stats.total_steps += 1;
        let (states, actions, rewards, next_states, dones) = self.memory.sample::<BATCH>();
        let states: Vec<f64> = states.into_iter().flatten().collect();
        let states: Tensor<Rank2<BATCH, 4>, f64, Cpu> = self.dev.tensor(states);
        let next_states: Vec<f64> = next_states.into_iter().flatten().collect();
        let next_states: Tensor<Rank2<BATCH, 4>, f64, Cpu> = self.dev.tensor(next_states);
        let actions: BatchTensor<usize> = self.dev.tensor(actions);
        let rewards: BatchTensor<f64> = self.dev.tensor(rewards);
        let dones: BatchTensor<f64> = self.dev.tensor(dones);
        let mut grads = self.grads.clone();
        let masks = dones;
        let (action_probs, values) = self.target_network.forward(states.clone());
        let old_log_prob_a = action_probs
            .log_softmax::<Axis<1>>()
            .select(actions.clone());
        let (_, next_values) = self.target_network.forward(next_states.clone());
        let returns: BatchTensor<f64> = rewards + next_values.reshape() * masks;
        let advantages = -values.reshape() + returns.clone();
        let (action_probs, values) = self.network.forward_mut(states.trace(grads.clone()));

        let entropy = {
            let logits = action_probs
                .with_empty_tape()
                .clamp(f32::MIN, 1.0 - f32::EPSILON);
            let probs = action_probs
                .with_empty_tape()
                .clamp(f32::EPSILON, 1.0 - f32::EPSILON)
                .softmax::<Axis<1>>();
            (logits * probs).sum::<Rank1<BATCH>, _>().mean()
        };
        let log_prob_a = action_probs
            .log_softmax::<Axis<1>>()
            .select(actions.clone());
        let ratio = (log_prob_a - old_log_prob_a.clone()).exp();

        let surr1 = ratio.with_empty_tape() * advantages.clone();
        let surr2 = ratio.clamp(0.8, 1.2) * advantages.clone();

        let actor_loss = -(surr2.minimum(surr1).mean());
        self.stats.actor_loss += actor_loss.array();
        let critic_loss = (-values.reshape() + returns.clone()).powi(2).mean();
        self.stats.critic_loss += critic_loss.array();
        let ppo_loss = critic_loss * self.dev.tensor(0.5).broadcast()
            - entropy * self.dev.tensor(0.1).broadcast()
            + actor_loss;
        let ppo_loss = ppo_loss.clamp(-1.0, 1.0);
        self.stats.total_loss += ppo_loss.array();
        h::loss(ppo_loss.array());

        grads = ppo_loss.backward();

        self.optimizer
            .update(&mut self.network, &grads)
            .expect("Unused params");
        self.grads = grads.clone();
        self.network.zero_grads(&mut self.grads);
    }
}
pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(1);
    let mut network = dev.build_module::<Network, f64>();
    let target_network = network.clone();
    h::init(&mut network);
    let optimizer = Sgd::new(
        &network,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let grads = network.alloc_grads();
    let mut a = PPOAgent {
        stats: Default::default(),
        dev,
        network,
        target_network,
        grads,
        optimizer,
        memory: Memory(StdRng::seed_from_u64(1)),
    };
    for _ in 0..h::steps() {
        a.learn();
        println!("{:?}", a.stats);
    }
    h::done(&a.network);
}
