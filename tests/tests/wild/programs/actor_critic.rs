//! The steps of a critic and of an actor in one function.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::optim::{Sgd, SgdConfig};
use dfdx::prelude::*;
type ActorNetwork = (Linear<3, 6>, Tanh, Linear<6, 4>);
type CriticNetwork = (Linear<3, 6>, Tanh, Linear<6, 1>);
type Actor = <ActorNetwork as BuildOnDevice<Cpu, f64>>::Built;
type Critic = <CriticNetwork as BuildOnDevice<Cpu, f64>>::Built;
pub(crate) struct Agent {
    pub actor: Actor,
    pub(crate) critic: Critic,
    pub(crate) actor_optimizer: Sgd<Actor, f64, Cpu>,
    pub(crate) critic_optimizer: Sgd<Critic, f64, Cpu>,
    gamma: f64,
    beta: f64,
}
impl Agent {
    #[sam_train(rho = 0.05)]
    pub(crate) fn update(
        &mut self,
        device: &Cpu,
        state: [f64; 3],
        action_idx: usize,
        reward: f64,
        next_state: [f64; 3],
        is_done: bool,
    ) {
        let s_t = device.tensor(state);
        let s_next = device.tensor(next_state);
        let v_t_val = self.critic.forward(s_t.clone()).array()[0];
        let v_next_val = self.critic.forward(s_next).array()[0];
        let target_v = if is_done {
            reward
        } else {
            reward + self.gamma * v_next_val
        };
        let delta = target_v - v_t_val;

        let grads = self.critic.alloc_grads();
        let v_t = self.critic.forward(s_t.clone().traced(grads));
        let critic_loss = (v_t - target_v).square().sum() * 0.5;
        let gradients = critic_loss.backward();
        self.critic_optimizer
            .update(&mut self.critic, &gradients)
            .expect("Critic update failed");

        let grads = self.actor.alloc_grads();
        let logits = self.actor.forward(s_t.traced(grads));
        let (logits_val, tape) = logits.split_tape();
        let log_probs = logits_val.clone().log_softmax();
        let probs = logits_val.softmax();
        let action_log_prob = log_probs
            .clone()
            .slice((action_idx..action_idx + 1,))
            .sum::<Rank0, _>();
        let entropy = (probs * log_probs).sum::<Rank0, _>() * -1.0;
        let actor_loss = (action_log_prob * (-delta)) - (entropy * self.beta);
        let gradients = actor_loss.put_tape(tape).backward();
        self.actor_optimizer
            .update(&mut self.actor, &gradients)
            .expect("Actor update failed");
    }
}
pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(1);
    let actor = dev.build_module::<ActorNetwork, f64>();
    let mut critic = dev.build_module::<CriticNetwork, f64>();
    h::init(&mut critic);
    let (a, c) = (
        Sgd::new(
            &actor,
            SgdConfig {
                lr: h::lr(),
                momentum: None,
                weight_decay: None,
            },
        ),
        Sgd::new(
            &critic,
            SgdConfig {
                lr: h::lr(),
                momentum: None,
                weight_decay: None,
            },
        ),
    );
    let mut agent = Agent {
        actor,
        critic,
        actor_optimizer: a,
        critic_optimizer: c,
        gamma: 0.9,
        beta: 0.01,
    };
    for i in 0..h::steps() {
        agent.update(
            &dev,
            [0.1, i as f64 % 3.0, 0.4],
            i % 4,
            0.3,
            [0.2; 3],
            i % 5 == 0,
        );
        println!(
            "{:?}",
            agent.critic.forward(dev.tensor([0.1, 0.2, 0.3])).array()
        );
        h::loss((agent.critic.forward(dev.tensor([0.1, 0.0, 0.4])).array()[0] - 1.0).abs());
    }
    h::done(&agent.critic);
}
