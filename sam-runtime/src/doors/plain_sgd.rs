//! An update without momentum by dfdx's own optimizer, which reads gradients where they are.
//!
//! dfdx 0.13.0 lends the memory of gradients only to who may change them (`Gradients::get_or_alloc_mut`), and to its own
//! optimizers (`dfdx/src/optim/sgd.rs`). Ours make a copy of all gradients first, and ask dfdx for which tensors there
//! is one ([`wanted`](super::wanted)): on a GPU, several launches for each tensor.
//!
//! Did dfdx's optimizer report a tensor that it has updated, or none where there is no gradient, the test here would
//! fail.
#![allow(unsafe_code)]

use dfdx::{
    nn::tensor_collection::{TensorOptions, TensorVisitor},
    optim::{Sgd, SgdConfig, UnusedTensors},
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{Gradients, Storage, Tensor},
};

/// dfdx's optimizer. It has memory for momentum even where there is none, which is kept from update to update.
pub(crate) struct PlainSgd<E: Dtype, D: Storage<E>>(Sgd<(), E, D>);

// SAFETY: all that an `Sgd` holds are numbers and gradients, and a marker that stands for a pointer to its model,
// which is `()` here and never used.
unsafe impl<E: Dtype, D: Storage<E>> Send for PlainSgd<E, D> where Gradients<E, D>: Send {}
// SAFETY: as above.
unsafe impl<E: Dtype, D: Storage<E>> Sync for PlainSgd<E, D> where Gradients<E, D>: Sync {}

impl<E: Dtype, D: Device<E>> PlainSgd<E, D> {
    pub(crate) fn new() -> Self {
        Self(Sgd::new(&(), SgdConfig::default()))
    }

    /// Updates `p`, a parameter that a walk meets with these options, if `gradients` have one for it: whether they do.
    pub(crate) fn update<S: Shape>(
        &mut self,
        cfg: SgdConfig,
        options: TensorOptions<S, E, D>,
        p: &mut Tensor<S, E, D>,
        gradients: &Gradients<E, D>,
    ) -> Result<bool, D::Err> {
        self.0.cfg = cfg;
        let mut visitor = (&mut self.0, gradients, UnusedTensors::default());
        visitor.visit(options, p)?;
        Ok(visitor.2.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    #[test]
    fn what_has_a_gradient_is_updated_and_what_has_none_is_not() {
        let dev = Cpu::default();
        let [mut with, mut without]: [Tensor<Rank1<3>, f32, Cpu>; 2] =
            [dev.tensor([1.0, 2.0, 3.0]), dev.tensor([1.0, 2.0, 3.0])];
        let gradients = (with.leaky_trace() * 2.0).sum().backward();
        let mut sgd = PlainSgd::new();
        for (lr, left) in [(0.25, [0.5, 1.5, 2.5]), (0.5, [-0.5, 0.5, 1.5])] {
            let cfg = SgdConfig {
                lr,
                momentum: None,
                weight_decay: None,
            };
            let mut update = |p: &mut _| {
                let options = TensorOptions::reset_to_zeros();
                sgd.update(cfg, options, p, &gradients).unwrap()
            };
            const DIFFERS: &str =
                "this dfdx's optimizers report other tensors than those without a gradient";
            assert!(update(&mut with), "{DIFFERS}");
            assert!(!update(&mut without), "{DIFFERS}");
            assert_eq!(with.array(), left);
            assert_eq!(without.array(), [1.0, 2.0, 3.0]);
        }
    }
}
