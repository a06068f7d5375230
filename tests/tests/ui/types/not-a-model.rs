//! The model is not a `TensorCollection` that is `Clone`.
//!
//! For the second pass SAM clones the model, which shares the weights, and visits them, as dfdx's
//! `TensorCollection` allows. All built modules are both. (A type such as `(Linear<4, 8>, ReLU)`
//! only says what to build: the model is `<Mlp as BuildOnDevice<Cpu, f32>>::Built`.)
//!
//! Mended: derive `Clone`; a generic model needs the bound `M: Clone`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[derive(Debug)]
struct Own(Net);

impl TensorCollection<f32, Cpu> for Own {
    type To<E: Dtype, D: Device<E>> = Built<E, D>;

    fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Built<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(Self::module("0", |own| &own.0, |own| &mut own.0), Built)
    }
}

struct Built<E: Dtype, D: Device<E>>(modules::Linear<4, 3, E, D>);

#[sam_train(rho = 0.05)]
fn train(model: &mut Own, opt: &mut Sgd<Own, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.0.forward(x.traced(grads));
        grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
