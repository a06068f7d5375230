//! Whether a set of gradients has one for a tensor.
//!
//! dfdx 0.13.0 keeps its sets of gradients to itself (`dfdx/src/tensor/gradients.rs`), but an optimizer reports the
//! tensors for which one has none (`dfdx/src/optim/sgd.rs`). The one that asks here has a learning rate of 0, and is
//! handed copies: nothing is learned.
//!
//! Did an optimizer not report them, every gradient would pass for one that is there: all would be computed, and
//! parameters without one would be updated by zeros.

use dfdx::{
    nn::tensor_collection::{
        RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorRef,
    },
    optim::{Optimizer, Sgd, SgdConfig, UnusedTensors},
    prelude::Device,
    shapes::{ConstShape, Dtype, Rank1, Shape},
    tensor::{Gradients, Tensor},
    tensor_ops::RealizeTo,
};

const STILL: SgdConfig = SgdConfig {
    lr: 0.0,
    momentum: None,
    weight_decay: None,
};

/// Whether `gradients` already hold one for `x`: `x` is a parameter, or was allocated by who wants to
/// read it, or something else has sent it a gradient.
///
/// `A` is the shape of `x` in [`Free`](super::free::Free) sizes.
pub(crate) fn is_wanted<A, S, E, D>(x: &Tensor<S, E, D>, gradients: &Gradients<E, D>) -> bool
where
    A: ConstShape,
    S: Shape<Concrete = A::Concrete>,
    E: Dtype,
    D: Device<E>,
{
    let Ok(mut x) = x.clone().try_realize::<A>() else {
        return true;
    };
    Sgd::new(&x, STILL).update(&mut x, gradients).is_ok()
}

/// Whether `gradients` have one for `p`, a parameter that a walk meets with these options.
pub(crate) fn has_gradient<S: Shape, E: Dtype, D: Device<E>>(
    options: TensorOptions<S, E, D>,
    p: &Tensor<S, E, D>,
    gradients: &Gradients<E, D>,
) -> Result<bool, D::Err> {
    let mut sgd = Sgd::new(&(), STILL);
    let mut asks = (&mut sgd, gradients, UnusedTensors::default());
    asks.visit(options, &mut p.clone())?;
    Ok(asks.2.is_empty())
}

/// For each parameter of `model`, whether `gradients` have one.
pub(crate) fn which_have<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    model: &M,
    gradients: &Gradients<E, D>,
) -> Result<Vec<bool>, D::Err> {
    let mut asked = Asked {
        gradients,
        have: Vec::new(),
    };
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut asked,
    })?;
    Ok(asked.have)
}

struct Asked<'a, E: Dtype, D: Device<E>> {
    gradients: &'a Gradients<E, D>,
    have: Vec<bool>,
}

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Asked<'_, E, D> {
    type Viewer = ViewTensorRef;
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        p: &Tensor<S, E, D>,
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        if options.do_gradient_update {
            self.have.push(has_gradient(options, p, self.gradients)?);
        }
        Ok(None)
    }
}

/// Whether `gradients` keep those of temporary tensors: they were made by `Gradients::leaky`.
pub(crate) fn keeps_all<E: Dtype, D: Device<E>>(
    gradients: &mut Gradients<E, D>,
    device: &D,
) -> Result<bool, D::Err> {
    let mut temporary: Tensor<Rank1<1>, E, D> = device.try_zeros()?;
    gradients.get_or_alloc_mut(&temporary)?;
    gradients.drop_non_leafs();
    let mut finds_it = Sgd::new(&temporary, STILL);
    Ok(finds_it.update(&mut temporary, gradients).is_ok())
}

#[cfg(test)]
mod tests {
    use dfdx::{nn::ZeroGrads, prelude::*};

    use super::*;
    use crate::doors::free::Free2;

    const DIFFERS: &str = "this dfdx's optimizers do not report the tensors that have no gradient";

    #[test]
    fn a_gradient_that_was_allocated_is_wanted() {
        let dev = Cpu::default();
        let model = dev.build_module::<Linear<2, 2>, f32>();
        let x: Tensor<Rank2<3, 2>, f32, _> = dev.sample_normal();
        let mut gradients = model.alloc_grads();
        assert!(!is_wanted::<Free2, _, _, _>(&x, &gradients), "{DIFFERS}");
        assert!(is_wanted::<Free2, _, _, _>(&model.weight, &gradients));
        gradients.get_or_alloc_mut(&x).unwrap();
        assert!(is_wanted::<Free2, _, _, _>(&x, &gradients));
        let batch: Tensor<(usize, Const<2>), f32, _> = x.realize();
        assert!(is_wanted::<Free2, _, _, _>(&batch, &gradients));
        assert_eq!(gradients.get(&batch).as_vec(), [0.0; 6]);
    }

    #[test]
    fn gradients_that_keep_all_are_told_from_those_of_a_model() {
        let dev = Cpu::default();
        let model = dev.build_module::<Linear<2, 2>, f32>();
        assert!(
            !keeps_all(&mut model.alloc_grads(), &dev).unwrap(),
            "{DIFFERS}"
        );
        assert!(keeps_all::<f32, _>(&mut Gradients::leaky(), &dev).unwrap());
    }
}
