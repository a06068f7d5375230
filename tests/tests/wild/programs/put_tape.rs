//! The tape is kept in a field and put onto the input.

use super::refused;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};
use std::sync::{Arc, Mutex};
type Net = (Linear<4, 6>, Tanh, Linear<6, 4>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type NetTape = OwnedTape<f64, Cpu>;
struct Auto {
    net: Built,
    optim: Sgd<Built, f64, Cpu>,
    grad: NetTape,
    dev: Cpu,
}
impl Auto {
    fn forward_raw_mut<const B: usize>(
        &mut self,
        img: Tensor<Rank2<B, 4>, f64, Cpu, NetTape>,
    ) -> Tensor<Rank2<B, 4>, f64, Cpu, NetTape> {
        self.net.forward_mut(img)
    }
    #[refused(rho = 0.05)]
    fn train_grad<const SS: usize>(&mut self, img: &[&[f64]]) -> f64 {
        let out = self.dev.tensor_from_vec(
            img.iter().map(|&x| x).flatten().cloned().collect(),
            (Const::<SS>, Const::<4>),
        );
        let img = self.dev.tensor_from_vec(
            img.iter().map(|&x| x).flatten().cloned().collect(),
            (Const::<SS>, Const::<4>),
        );

        let tape = std::mem::take(&mut self.grad);
        let model_out = self.forward_raw_mut(img.put_tape(tape));

        let err = mse_loss(model_out, out);
        let r = err.as_vec()[0];

        let mut grad = err.backward();
        self.optim.update(&mut self.net, &grad).unwrap();
        self.net.zero_grads(&mut grad);
        r
    }
}
pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(3);
    let mut net = dev.build_module::<Net, f64>();
    h::init(&mut net);
    let optim = Sgd::new(
        &net,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let mut a = Auto {
        net,
        optim,
        grad: Default::default(),
        dev,
    };
    for i in 0..h::steps() {
        let l = a.train_grad::<2>(&[&[0.1, 0.2, 0.3, 0.4], &[-0.1, 0.5, 0.3, i as f64 / 60.0]]);
        println!("{l}");
        h::loss(l);
    }
    h::done(&a.net);
}
