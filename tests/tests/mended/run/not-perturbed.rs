//! `not-perturbed`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = (
    modules::Linear<4, 4, f32, Cpu>,
    modules::Linear<4, 3, f32, Cpu>,
);
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Encoder<'a> {
    layer: &'a modules::Linear<4, 4, f32, Cpu>,
}

impl Encoder<'_> {
    fn encode(&self, x: Tensor<Rank2<8, 4>, f32, Cpu, OwnedTape<f32, Cpu>>) -> Code {
        self.layer.forward(x)
    }
}

type Code = Tensor<Rank2<8, 4>, f32, Cpu, OwnedTape<f32, Cpu>>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let layer = &model.0;
        let logits = model.1.forward(Encoder { layer }.encode(x.traced(grads)));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

pub(crate) fn main() {
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<(Linear<4, 4>, Linear<4, 3>), f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    let batch = (dev.sample_normal(), dev.sample_normal());
    train(&mut model, &mut opt, vec![batch]);
}
