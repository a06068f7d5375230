//! Which tensor a tensor is. dfdx keeps gradients by the tensors' ids.
//!
//! dfdx 0.13.0 keeps the id to itself (`dfdx/src/tensor/tensor_impls.rs`), but notes it in a list of tensors that have no
//! gradient (`UnusedTensors`, `dfdx/src/optim/optimizer.rs`). A clone has the id of its original; what a set of gradients
//! gives out has one of its own (`Gradients::get`, `dfdx/src/tensor/gradients.rs`).
//!
//! Were ids not unique, or clones not the same tensor, SAM's gradients would go astray; the test here would fail.

use dfdx::{
    optim::UnusedTensors,
    prelude::*,
    tensor::{Gradients, UniqueId},
};

/// The id of `t`.
pub(crate) fn id<S: Shape, E: Unit, D: Storage<E>>(t: &Tensor<S, E, D>) -> UniqueId {
    let mut ids = UnusedTensors::default();
    ids.add(t);
    ids.ids[0]
}

/// A tensor like `t`, as it lies in memory, of zeros and with an id of its own.
pub(crate) fn with_own_id<S: Shape, E: Unit, D: Storage<E>>(
    t: &Tensor<S, E, D>,
) -> Result<Tensor<S, E, D>, D::Err> {
    let mut zeros = Gradients::leaky();
    zeros.get_or_alloc_mut(t)?;
    Ok(zeros.get(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_the_same_tensor_and_one_like_it_is_another() {
        let dev = Cpu::default();
        let t: Tensor<Rank2<2, 3>, f32, _> = dev.sample_normal();
        let turned: Tensor<Rank2<3, 2>, f32, _> = t.clone().permute();
        let like = with_own_id(&turned).unwrap();
        assert_eq!(
            id(&t),
            id(&t.clone()),
            "clones have ids of their own in this dfdx: a copy of a model would have no part in its gradients"
        );
        assert_ne!(
            id(&turned),
            id(&like),
            "what this dfdx's gradients give out is the tensor itself: it can't be told from what it was made of"
        );
        assert_eq!(like.as_vec(), [0.0; 6]);
    }
}
