//! The perturbed weights.

use std::any::Any;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::tensors::{GradientBuffers, first_parameter, read};
use crate::device::{DualNorm, Kernels, Span, address, in_memory};

/// Tensors that own the memory for the perturbed weights, kept from step to step.
#[derive(Default)]
pub(super) struct PerturbedWeights<E> {
    tensors: Vec<Box<dyn Any>>,
    host: Vec<E>,
}

impl<E: Dtype> PerturbedWeights<E> {
    /// Moves the parameters of `copy`, a clone of the model, to `w + e`. The perturbation takes the place of
    /// the gradients, or on a device with a queue leaves them as they are. Afterwards `copy` owns the kept
    /// memory; [`Self::reclaim`] takes it back.
    pub(super) fn displace<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &mut M,
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
        let kept = std::mem::take(&mut self.tensors);
        let mut visitor = Displace {
            kept: kept.into_iter(),
            host: &mut self.host,
            gradients,
            kernels,
            weights: Vec::new(),
            spans: Vec::new(),
        };
        M::iter_tensors(&mut RecursiveWalker {
            m: &mut *copy,
            f: &mut visitor,
        })?;
        let Displace { weights, spans, .. } = visitor;
        if let (Some(queue), Some((device, _))) = (queue, first_parameter(copy, false)?) {
            queue.displace(&device, &spans, dual, rho)?;
        }
        // They had to live until the work on them was queued.
        drop(weights);
        Ok(())
    }

    /// Takes the memory of the perturbed weights back out of `copy`.
    pub(super) fn reclaim<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &M,
    ) -> Result<(), D::Err> {
        self.tensors = read(copy, Reclaim(Vec::new()))?.0;
        Ok(())
    }
}

struct Displace<'a, E: Dtype, D: Device<E>> {
    kept: std::vec::IntoIter<Box<dyn Any>>,
    host: &'a mut Vec<E>,
    gradients: &'a mut Gradients<E, D>,
    kernels: &'a dyn Kernels<E, D>,
    /// With a queue: the weights, and what to do with them.
    weights: Vec<Box<dyn Any>>,
    spans: Vec<Span>,
}

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Displace<'_, E, D> {
    type Viewer = ViewTensorMut;
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        w: &mut Tensor<S, E, D>,
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        if !options.do_gradient_update {
            return Ok(None);
        }
        let kept = self
            .kept
            .next()
            .and_then(|t| t.downcast::<Tensor<S, E, D>>().ok());
        let g = self.gradients.get_or_alloc_mut(w)?;
        if let Some(queue) = self.kernels.queue() {
            let weights = w.clone();
            if let Some(kept) = kept {
                *w = *kept;
            }
            // Shared memory becomes a copy that is written alone.
            w.try_fill_with_zeros()?;
            self.spans.push(Span::held(
                address(&weights),
                queue.address(g),
                address(w),
                Storage::<E>::len(w.device(), g),
            ));
            self.weights.push(Box::new(weights));
        } else if let Some(e) = self.kernels.host(g) {
            let weights = in_memory(w, e.len());
            self.kernels.displaced(&weights, e, self.host);
            if let Some(kept) = kept {
                *w = *kept;
            }
            w.copy_from(&self.host[..e.len()]);
        }
        Ok(None)
    }
}

struct Reclaim(Vec<Box<dyn Any>>);

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Reclaim {
    type Viewer = ViewTensorRef;
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        t: &Tensor<S, E, D>,
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        if options.do_gradient_update {
            self.0.push(Box::new(t.clone()));
        }
        Ok(None)
    }
}
