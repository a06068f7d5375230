//! A method of a trait is generic over a model without `Clone`.
//!
//! Entry: none, for `law` shows it, and the form that it takes as `trait_impl_generic_noclone_mended`.

#[path = "../../law/common_f64.rs"]
mod common;

use common::*;
use sam_runtime::sam_train;

trait Fit {
    fn train<M>(&self, model: &mut M, data: &[(X, Y)])
    where
        M: TensorCollection<f64, Cpu>
            + ModuleMut<
                Tensor<Rank2<8, 4>, f64, Cpu, OwnedTape<f64, Cpu>>,
                Output = Tensor<Rank2<8, 3>, f64, Cpu, OwnedTape<f64, Cpu>>,
            >;
}
struct S;
impl Fit for S {
    #[sam_train(rho = 0.05)]
    fn train<M>(&self, model: &mut M, data: &[(X, Y)])
    where
        M: TensorCollection<f64, Cpu>
            + ModuleMut<
                Tensor<Rank2<8, 4>, f64, Cpu, OwnedTape<f64, Cpu>>,
                Output = Tensor<Rank2<8, 3>, f64, Cpu, OwnedTape<f64, Cpu>>,
            >,
    {
        let mut opt = Sgd::new(model, SgdConfig::default());
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }
}

fn main() {}
