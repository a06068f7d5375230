//! The weights are a model, and an optimizer updates it.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{data::OneHotEncode, nn::tensor_collection::*, optim::*, prelude::*};

#[derive(Clone)]
struct Weights {
    embed: Tensor<Rank2<5, 4>, f64, Cpu>,
    block: Tensor<Rank2<4, 4>, f64, Cpu>,
    projection: Tensor<Rank2<4, 5>, f64, Cpu>,
}

impl TensorCollection<f64, Cpu> for Weights {
    type To<E2: Dtype, D2: Device<E2>> = ();

    fn iter_tensors<V: ModuleVisitor<Self, f64, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<()>, V::Err> {
        // The weights are set where they are made.
        visitor.visit_fields(
            (
                Self::tensor(
                    "embed",
                    |s| &s.embed,
                    |s| &mut s.embed,
                    TensorOptions::reset_to_zeros(),
                ),
                Self::tensor(
                    "block",
                    |s| &s.block,
                    |s| &mut s.block,
                    TensorOptions::reset_to_zeros(),
                ),
                Self::tensor(
                    "projection",
                    |s| &s.projection,
                    |s| &mut s.projection,
                    TensorOptions::reset_to_zeros(),
                ),
            ),
            |_| (),
        )
    }
}

struct Model {
    dev: Cpu,
    weights: Weights,
    opt: Sgd<Weights, f64, Cpu>,
}

impl Model {
    #[sam_train(rho = 0.05)]
    fn train(&mut self, token_ids: Vec<usize>, labels: Vec<usize>) -> anyhow::Result<f64> {
        let grads = self.weights.alloc_grads();
        let inputs: Tensor<(usize, Const<5>), f64, _> =
            self.dev.one_hot_encode(Const::<5>, token_ids);
        let embedded = inputs.trace(grads).matmul(self.weights.embed.clone());
        let x = embedded.matmul(self.weights.block.clone());
        let logits = x.matmul(self.weights.projection.clone());
        let labels: Tensor<(usize, Const<5>), f64, _> = self.dev.one_hot_encode(Const::<5>, labels);
        let loss = cross_entropy_with_logits_loss(logits, labels);
        let real_loss = loss.as_vec()[0];
        let gradients = loss.backward();
        self.opt.update(&mut self.weights, &gradients)?;
        Ok(real_loss)
    }
}

pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(1);
    let mut weights = Weights {
        embed: dev.sample_normal() / 10.0,
        block: dev.sample_normal(),
        projection: dev.sample_normal() / 10.0,
    };
    h::init(&mut weights);
    let opt = sam_tests::sgd(&weights, h::lr());
    let mut model = Model { dev, weights, opt };
    for _ in 0..h::steps() {
        let loss = model.train(vec![0, 1, 2], vec![1, 2, 3]).unwrap();
        println!("{loss}");
        h::loss(loss);
    }
    h::done(&model.weights);
}
