//! What an update costs: the optimizers of `sam_runtime::optim` beside dfdx's own, on the parameters of an
//! MLP 784-512-512-10.

use dfdx::{
    optim::{AdamConfig, Momentum, Optimizer, RMSpropConfig, SgdConfig, WeightDecay},
    prelude::*,
};
use sam_benches::{Contestant, race};
use sam_runtime::{
    nn::Built,
    optim::{Adam, RMSprop, Sgd},
};

type Mlp = (
    (Linear<784, 512>, ReLU),
    (Linear<512, 512>, ReLU),
    Linear<512, 10>,
);
type Net = Built<Mlp>;

/// Milliseconds per update, of both.
fn compare<A, B>(theirs: impl Fn(&Net) -> A, ours: impl Fn(&Net) -> B, what: &str)
where
    A: Optimizer<Net, Cpu, f32>,
    B: Optimizer<Net, Cpu, f32>,
{
    let dev = Cpu::default();
    let net: Net = dev.build_module::<Mlp, f32>();
    let x: Tensor<Rank2<128, 784>, f32, _> = dev.sample_normal();
    let loss = net.forward(x.traced(net.alloc_grads())).square().mean();
    let gradients = &loss.backward();
    let (mut a, mut b) = (theirs(&net), ours(&net));
    // Models of their own, not shared memory.
    let (mut at, mut bt): (Net, Net) = (
        dev.build_module::<Mlp, f32>(),
        dev.build_module::<Mlp, f32>(),
    );
    at.clone_from(&net);
    bt.clone_from(&net);
    drop(net);
    let times = race(
        &mut [
            Contestant {
                name: "dfdx",
                run: Box::new(|| a.update(&mut at, gradients).unwrap()),
            },
            Contestant {
                name: "here",
                run: Box::new(|| b.update(&mut bt, gradients).unwrap()),
            },
        ],
        101,
        10,
    );
    println!(
        "{what:<28} {:>6.3} {:>6.3}   {:.2}",
        times[0],
        times[1],
        times[1] / times[0]
    );
}

fn main() {
    println!("ms per update of 669,706 parameters, f32, CPU: dfdx, here, ratio");
    let decay = Some(WeightDecay::L2(5e-4));
    for (momentum, weight_decay, what) in [
        (None, None, "SGD"),
        (Some(Momentum::Classic(0.9)), None, "SGD, momentum"),
        (Some(Momentum::Classic(0.9)), decay, "SGD, momentum, decay"),
        (Some(Momentum::Nesterov(0.9)), decay, "SGD, Nesterov, decay"),
    ] {
        let cfg = SgdConfig {
            lr: 1e-4,
            momentum,
            weight_decay,
        };
        compare(
            |net| dfdx::optim::Sgd::new(net, cfg),
            |net| Sgd::new(net, cfg),
            what,
        );
    }
    let cfg = AdamConfig {
        lr: 1e-6,
        ..Default::default()
    };
    compare(
        |net| dfdx::optim::Adam::new(net, cfg),
        |net| Adam::new(net, cfg),
        "Adam",
    );
    let cfg = RMSpropConfig {
        lr: 1e-6,
        ..Default::default()
    };
    compare(
        |net| dfdx::optim::RMSprop::new(net, cfg),
        |net| RMSprop::new(net, cfg),
        "RMSprop",
    );
}
