//! The perturbed weights.

use std::any::Any;

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{algebra::Displacement, vectors::ModelVectors};
use crate::{
    device::vectors::{DeviceRange, Map, Parts, Walk},
    doors::walk::{Which, each, each_pair},
};

/// Tensors that own the memory for the perturbed weights, kept from step to step.
#[derive(Default)]
pub(crate) struct PerturbedWeights<E> {
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

    /// Moves the parameters of `copy`, a copy of the model `base`, to `w + e`. Afterwards `copy` owns the kept
    /// memory; [`Self::reclaim`] takes it back.
    pub(crate) fn displace<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &mut M,
        base: &M,
        e: Displacement<'_, E, D>,
        vectors: &ModelVectors<E, D>,
    ) -> Result<(), D::Err> {
        let mut kept = std::mem::take(&mut self.tensors).into_iter();
        let (with_own_ids, host) = (self.with_own_ids, &mut self.host);
        let walk: Walk<'_, E, D::Err> = &mut |f| {
            each_pair::<E, D, M>(copy, base, Which::Parameters, &mut |pair| {
                let mut kept = kept.next();
                if kept.is_none() && with_own_ids {
                    kept = Some(pair.source().with_own_id()?);
                }
                match vectors.on.parts(pair.source().gradient(e.vector)?, None) {
                    Parts::Host { x: z, .. } => {
                        if let Some(mut kept) = kept {
                            pair.put(&mut *kept);
                        }
                        // Straight into the memory of the weights.
                        if let Some((x, y)) = pair.elements()
                            && x.len() == z.len()
                        {
                            return f(Parts::Host { x, y, z });
                        }
                        host.resize(z.len(), E::default());
                        let y = pair.source().in_memory(z.len());
                        f(Parts::Host { x: host, y: &y, z })?;
                        drop(y);
                        pair.fill(host);
                        Ok(())
                    }
                    Parts::Device(DeviceRange { x: z, len, .. }) => {
                        if let Some(mut kept) = kept {
                            pair.put(&mut *kept);
                        }
                        pair.zero()?;
                        let (x, y) = (pair.target().address(), pair.source().address());
                        f(Parts::Device(DeviceRange { x, y, z, len }))
                    }
                }
            })
        };
        match &e.dual {
            Some((dual, rho)) => vectors.map(walk, Map::Perturb { dual, rho: *rho }),
            None => vectors.map(walk, Map::Sum),
        }
    }

    /// Takes the memory of the perturbed weights back out of `copy`.
    pub(super) fn reclaim<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &M,
    ) -> Result<(), D::Err> {
        self.tensors.clear();
        each::<E, D, M>(copy, Which::Parameters, &mut |t| {
            self.tensors.push(t.shared());
            Ok(())
        })
    }
}
