//! Whether a replay runs on the perturbed model: an alias of the user's model, or a method of what owns it,
//! would run it at `w` again.
//!
//! In such a step the perturbed tensors have ids of their own. A gradient that arrives at the user's ids has
//! come past them.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::{tensors::parameter_ids, vectors::ModelVectors};
use crate::{
    device::{
        Norm,
        vectors::{Buffer, Visit, on_host},
    },
    doors::{
        walk::{AnyTensor, Which, each, names},
        wanted::keeps_all,
    },
};

/// A check of one replay.
pub(super) struct Reach<E: Dtype, D: Device<E>> {
    /// The perturbed parameters, in the model's order.
    own: Vec<Box<dyn AnyTensor<E, D>>>,
    ids: Vec<UniqueId>,
}

impl<E: Dtype, D: Device<E>> Reach<E, D> {
    /// Of a model whose parameters have ids of their own.
    pub(super) fn of<M: TensorCollection<E, D>>(perturbed: &M) -> Result<Self, D::Err> {
        let mut own = Vec::new();
        each::<E, D, M>(perturbed, Which::Parameters, &mut |t| {
            own.push(t.handle());
            Ok(())
        })?;
        let ids = parameter_ids(perturbed)?;
        Ok(Self { own, ids })
    }

    /// What was gathered for the user's parameters becomes that of the perturbed ones, which the replay adds
    /// to.
    pub(super) fn swap_in<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        gradients: &mut Gradients<E, D>,
    ) -> Result<(), D::Err> {
        if let Some(first) = self.own.first()
            && !keeps_all(gradients, first.device())?
        {
            gradients.retain_leafs(&self.ids);
        }
        let mut own = self.own.iter();
        each::<E, D, M>(model, Which::Parameters, &mut |t| {
            let Some(own) = own.next() else {
                return Ok(());
            };
            // Zeros in the place of what was gathered, and that in the place of the own one.
            let mut away = Gradients::leaky();
            std::mem::swap(t.gradient(&mut away)?, t.gradient(gradients)?);
            std::mem::swap(t.gradient(&mut away)?, own.gradient(gradients)?);
            Ok(())
        })
    }

    /// The other way round. The names of the parameters at which a gradient has arrived all the same.
    pub(super) fn swap_out<M: TensorCollection<E, D>>(
        self,
        model: &M,
        gradients: &mut Gradients<E, D>,
        vectors: &ModelVectors<E, D>,
    ) -> Result<Vec<String>, D::Err> {
        let mut own = self.own.iter();
        let mut missed = Vec::new();
        let mut index = 0;
        each::<E, D, M>(model, Which::Parameters, &mut |t| {
            let Some(own) = own.next() else {
                return Ok(());
            };
            let mut away = Gradients::leaky();
            std::mem::swap(t.gradient(&mut away)?, t.gradient(gradients)?);
            if !is_zero(t.device(), t.gradient(&mut away)?, vectors)? {
                missed.push(index);
            }
            index += 1;
            std::mem::swap(own.gradient(gradients)?, t.gradient(&mut away)?);
            std::mem::swap(t.gradient(&mut away)?, t.gradient(gradients)?);
            // One number is left of it.
            let number: Tensor<Rank1<1>, E, D> = t.device().try_zeros()?;
            std::mem::swap(away.get_or_alloc_mut(&number)?, own.gradient(gradients)?);
            Ok(())
        })?;
        if missed.is_empty() {
            return Ok(Vec::new());
        }
        let names = names(model, Which::Parameters)?;
        Ok(missed
            .into_iter()
            .filter_map(|i| names.get(i).cloned())
            .collect())
    }
}

fn is_zero<E: Dtype, D: Device<E>>(
    device: &D,
    buffer: &mut Buffer<E, D>,
    vectors: &ModelVectors<E, D>,
) -> Result<bool, D::Err> {
    if let Some(values) = on_host::<E, D>(buffer) {
        return Ok(values.iter().all(|value| *value == E::default()));
    }
    let walk = &mut |f: Visit<'_, E, D::Err>| f(vectors.on.parts(buffer, None));
    let norm = vectors.on.dual_norm(device, walk, Norm::L2, None)?;
    Ok(norm.value() == 0.0)
}
