//! A policy gradient against a baseline that is updated between the forward pass and the loss.

use super::{Net, sam_train};
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};

type X = Tensor<Rank1<4>, f64, Cpu>;

struct Baseline {
    v: f64,
}

impl Baseline {
    fn update(&mut self, r: f64) {
        self.v = 0.9 * self.v + 0.1 * r
    }

    fn get(&self) -> f64 {
        self.v
    }
}

struct Agent {
    net: Net,
    opt: Sgd<Net, f64, Cpu>,
    baseline: Baseline,
}

impl Agent {
    #[sam_train(rho = 0.05)]
    fn learn(&mut self, state: X, reward: f64) -> f64 {
        let logits = self.net.forward(state.traced(self.net.alloc_grads()));
        self.baseline.update(reward);
        let advantage = reward - self.baseline.get();
        let loss = logits.log_softmax().mean() * (-advantage);
        let value = loss.array();
        let grads = loss.backward();
        self.opt.update(&mut self.net, &grads).unwrap();
        value
    }
}

pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(1);
    let mut net = dev.build_module::<Linear<4, 2>, f64>();
    h::init(&mut net);
    let opt = sam_tests::sgd(&net, h::lr());
    let baseline = Baseline { v: 0.0 };
    let mut agent = Agent { net, opt, baseline };
    let x: X = dev.sample_normal();
    for _ in 0..h::steps() {
        let value = agent.learn(x.clone(), 1.0);
        println!("{value:.6} {:.6}", agent.baseline.v);
        // The advantage shrinks; what falls is the loss for each unit of it.
        h::loss(value / (1.0 - agent.baseline.v));
    }
    h::done(&agent.net);
}
