//! What the attribute costs: one training step of an MLP without it, with it, and as two plain
//! forward and backward passes, which no SAM can beat. Ends with one line of JSON.

use std::cell::RefCell;

use dfdx::{optim::*, prelude::*};
use sam_benches::{Contestant, race};
use sam_runtime::prelude::*;

type Mlp = (
    (Linear<784, 512>, ReLU),
    (Linear<512, 512>, ReLU),
    Linear<512, 10>,
);
type Net = Built<Mlp>;
type X = Tensor<Rank2<128, 784>, f32, Cpu>;
type Y = Tensor<Rank2<128, 10>, f32, Cpu>;

struct Training {
    model: Net,
    opt: Sgd<Net, f32, Cpu>,
    grads: Option<Gradients<f32, Cpu>>,
}

impl Training {
    fn new(dev: &Cpu) -> RefCell<Self> {
        let model = dev.build_module::<Mlp, f32>();
        let opt = Sgd::new(
            &model,
            SgdConfig {
                lr: 0.01,
                ..Default::default()
            },
        );
        let grads = Some(model.alloc_grads());
        RefCell::new(Self { model, opt, grads })
    }

    fn base(&mut self, x: X, y: Y) {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
    }

    /// Two passes and one update, without a perturbation: the floor for SAM.
    fn two_passes(&mut self, x: X, y: Y) {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.clone().traced(grads));
        let grads = cross_entropy_with_logits_loss(logits, y.clone()).backward();
        self.grads = Some(grads);
        self.base(x, y);
    }

    #[sam_train(rho = 0.05)]
    fn sam(&mut self, x: X, y: Y) {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
    }

    #[sam_train(rho = 0.05, m = 32)]
    fn sam_chunked(&mut self, x: X, y: Y) {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
    }
}

fn main() {
    let dev = Cpu::default();
    let x: X = dev.sample_normal();
    let mut labels = [[0.0; 10]; 128];
    for (i, row) in labels.iter_mut().enumerate() {
        row[i % 10] = 1.0;
    }
    let y: Y = dev.tensor(labels);
    let trainings: [_; 4] = std::array::from_fn(|_| Training::new(&dev));
    let contestant = |name, training: usize, step: fn(&mut Training, X, Y)| {
        let (x, y, training) = (&x, &y, &trainings[training]);
        let run = move || step(&mut training.borrow_mut(), x.clone(), y.clone());
        Contestant {
            name,
            run: Box::new(run),
        }
    };
    let mut contestants = [
        contestant("base step", 0, Training::base),
        contestant("two passes, one update", 1, Training::two_passes),
        contestant("SAM step", 2, Training::sam),
        contestant("SAM step, m = 32", 3, Training::sam_chunked),
    ];
    let times = race(&mut contestants, 15, 10);
    println!("MLP 784-512-512-10, batch 128, f32, CPU: median ms per step");
    for (contestant, time) in contestants.iter().zip(&times) {
        println!(
            "{:<24} {time:>7.2}   {:.2} x base",
            contestant.name,
            time / times[0]
        );
    }
    println!(
        "{{\"sam_vs_base\":{:.3},\"sam_vs_two_passes\":{:.3},\"chunked_vs_base\":{:.3}}}",
        times[2] / times[0],
        times[2] / times[1],
        times[3] / times[0],
    );
}
