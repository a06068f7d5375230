//! The algebra of [`device::vectors`](crate::device), on the vectors of one model.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::{Clip, Failure, On, StepError, tensors::try_device_of};
use crate::{
    device::{
        Norm,
        vectors::{
            Buffer, Coefficient, DeviceRange, DualNorm, Map, NonFiniteFlags, Parts, PassCode,
            Scalar, Vectors, Visit, Walk, vectors,
        },
    },
    doors::walk::{Which, each, each_pair, names},
};

/// The operations for the vectors of a model.
pub(crate) struct ModelVectors<E: Dtype, D: Device<E>> {
    pub(super) on: &'static dyn Vectors<E, D>,
    /// `None` for a model without parameters, whose vectors have no elements.
    pub(crate) device: Option<D>,
    /// Which parameters are perturbed; `None` for all.
    pub(super) perturbed: Option<Vec<bool>>,
}

impl<E: Dtype, D: Device<E>> ModelVectors<E, D> {
    /// Those of the device that `model` is on.
    pub(crate) fn of<M: TensorCollection<E, D>>(
        model: &M,
        on: On,
    ) -> Result<Self, Failure<D::Err>> {
        let perturbed = match on {
            On::All => None,
            on => on.of(&names(model, Which::Parameters).map_err(Failure::Device)?),
        };
        Ok(Self {
            perturbed,
            on: vectors().ok_or_else(StepError::unsupported::<E, D>)?,
            device: try_device_of(model).map_err(Failure::Device)?,
        })
    }

    /// Does `map` with what `walk` hands out.
    pub(crate) fn map(&self, walk: Walk<'_, E, D::Err>, map: Map<'_>) -> Result<(), D::Err> {
        match &self.device {
            Some(device) => self.on.map(device, walk, map),
            None => Ok(()),
        }
    }

    /// A walk over one vector.
    pub(crate) fn one<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
    ) -> impl FnMut(Visit<'_, E, D::Err>) -> Result<(), D::Err> {
        move |f| {
            each(model, Which::Parameters, &mut |t| {
                f(self.on.parts(t.gradient(x)?, None))
            })
        }
    }

    /// A walk over one vector, at the parameters that are perturbed.
    fn perturbed_of<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
    ) -> impl FnMut(Visit<'_, E, D::Err>) -> Result<(), D::Err> {
        move |f| {
            let mut places = 0..;
            each(model, Which::Parameters, &mut |t| match places
                .next()
                .is_some_and(|at| self.is_perturbed(at))
            {
                true => f(self.on.parts(t.gradient(x)?, None)),
                false => Ok(()),
            })
        }
    }

    /// Whether the parameter at this place is perturbed.
    pub(super) fn is_perturbed(&self, at: usize) -> bool {
        let perturbed = self.perturbed.as_ref();
        perturbed.is_none_or(|perturbed| perturbed.get(at) == Some(&true))
    }

    /// A walk over two vectors, of which the first is written.
    pub(crate) fn two<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
        y: &mut Gradients<E, D>,
    ) -> impl FnMut(Visit<'_, E, D::Err>) -> Result<(), D::Err> {
        move |f| {
            each(model, Which::Parameters, &mut |t| {
                let (x, y): (&mut Buffer<E, D>, &Buffer<E, D>) = (t.gradient(x)?, t.gradient(y)?);
                f(self.on.parts(x, Some(y)))
            })
        }
    }

    /// A walk over one vector and the weights, at the parameters that `meets` tells by their places.
    pub(super) fn with_weights<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
        meets: &dyn Fn(usize) -> bool,
    ) -> impl FnMut(Visit<'_, E, D::Err>) -> Result<(), D::Err> {
        move |f| {
            let mut places = 0..;
            each(model, Which::Parameters, &mut |t| {
                if !places.next().is_some_and(meets) {
                    return Ok(());
                }
                match self.on.parts(t.gradient(x)?, None) {
                    Parts::Host { x, .. } => {
                        let y = &t.in_memory(x.len());
                        f(Parts::Host { x, y, z: &[] })
                    }
                    Parts::Device(range) => {
                        let y = t.address();
                        f(Parts::Device(DeviceRange { y, ..range }))
                    }
                }
            })
        }
    }

    /// The dual norm of a gradient.
    pub(crate) fn dual_norm<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        gradients: &mut Gradients<E, D>,
        norm: Norm,
        flags: Option<(&NonFiniteFlags, PassCode)>,
    ) -> Result<DualNorm, D::Err> {
        match &self.device {
            Some(device) => {
                let walk = &mut self.one(model, gradients);
                self.on.dual_norm(device, walk, norm, flags)
            }
            None => Ok(DualNorm::of_nothing(norm)),
        }
    }

    /// The dual norm of what a vector has at the parameters that are perturbed.
    pub(super) fn perturbed_norm<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        vector: &mut Gradients<E, D>,
        norm: Norm,
    ) -> Result<DualNorm, D::Err> {
        match &self.device {
            Some(device) => {
                let walk = &mut self.perturbed_of(model, vector);
                self.on.dual_norm(device, walk, norm, None)
            }
            None => Ok(DualNorm::of_nothing(norm)),
        }
    }

    /// Zeroes what a vector has at parameters that are not perturbed.
    pub(super) fn keep_perturbed<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        vector: &mut Gradients<E, D>,
    ) -> Result<(), D::Err> {
        if self.perturbed.is_none() {
            return Ok(());
        }
        let mut places = 0..;
        each(model, Which::Parameters, &mut |t| match places
            .next()
            .is_some_and(|at| self.is_perturbed(at))
        {
            true => Ok(()),
            false => t.device().try_fill_with_zeros(t.gradient(vector)?),
        })
    }

    /// `<x, y>`; without `y`, `<x, x>`.
    pub(crate) fn dot<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
        y: Option<&mut Gradients<E, D>>,
    ) -> Result<Scalar, D::Err> {
        match (&self.device, y) {
            (Some(device), Some(y)) => self.on.dot(device, &mut self.two(model, x, y)),
            (Some(device), None) => self.on.dot(device, &mut self.one(model, x)),
            (None, _) => Ok(Scalar::from(0.0)),
        }
    }

    /// `to = from`.
    pub(super) fn copy<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        to: &mut Gradients<E, D>,
        from: &mut Gradients<E, D>,
    ) -> Result<(), D::Err> {
        let (keep, add) = (Coefficient::ZERO, Coefficient::ONE);
        self.map(&mut self.two(model, to, from), Map::Axpby { keep, add })
    }

    /// `to += weight * from`.
    pub(super) fn add<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        to: &mut Gradients<E, D>,
        from: &mut Gradients<E, D>,
        weight: f64,
    ) -> Result<(), D::Err> {
        let (keep, add) = (Coefficient::ONE, weight.into());
        self.map(&mut self.two(model, to, from), Map::Axpby { keep, add })
    }

    /// `vector` is scaled down to `||vector||_p = bound`, at most.
    pub(crate) fn shrink<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        vector: &mut Gradients<E, D>,
        norm: Norm,
        bound: f64,
    ) -> Result<(), D::Err> {
        // The norm whose dual is this one.
        let norm = Norm::from_p(norm.dual());
        let norm = &self.perturbed_norm(model, vector, norm)?;
        self.map(&mut self.one(model, vector), Map::Shrink { norm, bound })
    }

    /// Bounds a gradient. What is NaN or infinite remains so.
    pub(super) fn clip<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        gradients: &mut Gradients<E, D>,
        bounds: Clip,
    ) -> Result<(), D::Err> {
        if let Some(bound) = bounds.value {
            self.map(&mut self.one(model, gradients), Map::Clamp { bound })?;
        }
        if let Some(bound) = bounds.norm {
            let norm = &self.dual_norm(model, gradients, Norm::L2, None)?;
            self.map(&mut self.one(model, gradients), Map::Shrink { norm, bound })?;
        }
        Ok(())
    }

    /// `to = from` where a gradient of the step was not finite.
    pub(super) fn restore<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        to: &mut Gradients<E, D>,
        from: &mut Gradients<E, D>,
        flags: &NonFiniteFlags,
    ) -> Result<(), D::Err> {
        self.map(&mut self.two(model, to, from), Map::Choose(flags))
    }

    /// The buffers of `model` become those of `before` where a gradient of the step was not finite.
    ///
    /// They are written where they are: who holds a copy of buffers from within such a step sees them go back, too.
    pub(super) fn restore_buffers<M: TensorCollection<E, D>>(
        &self,
        model: &mut M,
        before: &M,
        flags: &NonFiniteFlags,
    ) -> Result<(), D::Err> {
        let walk: Walk<'_, E, D::Err> = &mut |f| {
            each_pair::<E, D, M>(model, before, Which::Buffers, &mut |pair| {
                let (x, y) = (pair.target().address(), pair.source().address());
                let len = pair.source().len();
                match x == y {
                    true => Ok(()),
                    false => f(Parts::Device(DeviceRange { x, y, z: 0, len })),
                }
            })
        };
        self.map(walk, Map::Choose(flags))
    }
}
