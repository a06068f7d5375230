//! The perturbed weights.

use std::any::Any;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::tensors::{GradientBuffers, Which, each_pair, each_parameter, try_device_of};
use crate::device::{DualNorm, Kernels, Span};

/// Tensors that own the memory for the perturbed weights, kept from step to step.
#[derive(Default)]
pub(super) struct PerturbedWeights<E> {
    tensors: Vec<Box<dyn Any>>,
    host: Vec<E>,
    /// Whether the tensors have ids of their own, not the model's.
    with_own_ids: bool,
}

impl<E: Dtype> PerturbedWeights<E> {
    /// Weights whose tensors have ids of their own.
    pub(super) fn with_own_ids() -> Self {
        Self {
            with_own_ids: true,
            ..Self::default()
        }
    }

    /// Moves the parameters of `copy`, a copy of the model `base`, to `w + e`. The perturbation takes the place of
    /// the gradients, or on a device with a queue leaves them as they are. Afterwards `copy` owns the kept
    /// memory; [`Self::reclaim`] takes it back.
    pub(super) fn displace<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &mut M,
        base: &M,
        gradients: &mut Gradients<E, D>,
        dual: &DualNorm,
        rho: f64,
        kernels: &dyn Kernels<E, D>,
    ) -> Result<(), D::Err> {
        let queue = kernels.queue();
        if queue.is_none() {
            let mut buffers = GradientBuffers {
                model: &*copy,
                gradients,
            };
            kernels.ascend(&mut buffers, dual, rho)?;
        }
        let mut kept = std::mem::take(&mut self.tensors).into_iter();
        let mut spans = Vec::new();
        each_pair::<E, D, M>(copy, base, Which::Parameters, &mut |pair| {
            let mut kept = kept.next();
            if kept.is_none() && self.with_own_ids {
                kept = Some(pair.source().with_own_id()?);
            }
            let g = pair.source().gradient(gradients)?;
            if let Some(queue) = queue {
                if let Some(mut kept) = kept {
                    pair.put(&mut *kept);
                }
                pair.zero()?;
                spans.push(Span::held(
                    pair.source().address(),
                    queue.address(g),
                    pair.target().address(),
                    Storage::<E>::len(pair.source().device(), g),
                ));
            } else if let Some(e) = kernels.host(g) {
                let weights = pair.source().in_memory(e.len());
                kernels.displaced(&weights, e, &mut self.host);
                drop(weights);
                if let Some(mut kept) = kept {
                    pair.put(&mut *kept);
                }
                pair.fill(&self.host[..e.len()]);
            }
            Ok(())
        })?;
        if let (Some(queue), Some(device)) = (queue, try_device_of(copy)?) {
            queue.displace(&device, &spans, dual, rho)?;
        }
        Ok(())
    }

    /// Takes the memory of the perturbed weights back out of `copy`.
    pub(super) fn reclaim<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &M,
    ) -> Result<(), D::Err> {
        self.tensors.clear();
        each_parameter::<E, D, M>(copy, &mut |t| {
            self.tensors.push(t.shared());
            Ok(())
        })
    }
}
