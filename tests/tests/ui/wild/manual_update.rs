//! The weights are tensors of a struct that is no model, and the function has no `update`.
//!
//! Entry: none, for `wild` shows it, and the form that it takes as `manual_update_mended`.

#![allow(dead_code)]

use dfdx::{data::OneHotEncode, prelude::*};
use sam_runtime::sam_train;

struct Block {
    w: Tensor<Rank2<4, 4>, f64, Cpu>,
}
impl Block {
    fn forward<T: Tape<f64, Cpu>>(
        &mut self,
        x: Tensor<(usize, Const<4>), f64, Cpu, T>,
    ) -> Tensor<(usize, Const<4>), f64, Cpu, T> {
        x.matmul(self.w.clone())
    }
}
struct Model {
    dev: Cpu,
    embed_weights: Tensor<Rank2<5, 4>, f64, Cpu>,
    blocks: Vec<Block>,
    projection_weights: Tensor<Rank2<4, 5>, f64, Cpu>,
}
impl Model {
    #[sam_train(rho = 0.05)]
    fn train(&mut self, token_ids: Vec<usize>, labels: Vec<usize>) -> anyhow::Result<f64> {
        let grads = Gradients::leaky();
        let embedding_inputs: Tensor<(usize, Const<5>), f64, _> =
            self.dev.one_hot_encode(Const::<5>, token_ids);
        let token_embeddings: Tensor<(usize, Const<4>), f64, Cpu, OwnedTape<f64, Cpu>> =
            embedding_inputs
                .trace(grads)
                .matmul(self.embed_weights.clone());
        let mut x: Tensor<(usize, Const<4>), f64, Cpu, OwnedTape<f64, Cpu>> = token_embeddings;
        for layer in self.blocks.iter_mut() {
            x = layer.forward(x);
        }
        let logits = x.matmul(self.projection_weights.clone());
        let labels: Tensor<(usize, Const<5>), f64, _> = self.dev.one_hot_encode(Const::<5>, labels);
        let loss = cross_entropy_with_logits_loss(logits, labels);
        let real_loss = loss.as_vec()[0];
        let gradients = loss.backward();
        let embed_gradients = gradients.get(&self.embed_weights);
        self.embed_weights = self.embed_weights.clone() - (embed_gradients * 0.1);
        let projection_gradients = gradients.get(&self.projection_weights);
        self.projection_weights = self.projection_weights.clone() - (projection_gradients * 0.1);
        Ok(real_loss)
    }
}

fn main() {}
