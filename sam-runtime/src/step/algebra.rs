//! The vectors of one ascent, as a [`Method`](super::methods::Method) meets them.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::{
    error::Failure,
    frozen::zero_frozen,
    methods::{Algebra, Coefficient, DualNorm, Norm, Perturbation, Scalar, Vector},
    vectors::ModelVectors,
};
use crate::{
    device::vectors::{Map, epsilon},
    doors::walk::{Which, names},
};

/// The vectors of a step, on one chunk.
pub(super) struct Ascent<'a, M, E: Dtype, D: Device<E>> {
    pub(super) model: &'a M,
    pub(super) vectors: &'a ModelVectors<E, D>,
    pub(super) gradient: &'a mut Gradients<E, D>,
    /// That of the first pass.
    pub(super) gradient_norm: DualNorm,
    pub(super) state: &'a mut Vec<Gradients<E, D>>,
    pub(super) scratch: &'a mut Vec<Gradients<E, D>>,
    /// The first one. Nothing more is done then.
    pub(super) failure: Option<D::Err>,
}

/// A perturbation, and the vector that it is made of.
pub(crate) struct Displacement<'a, E: Dtype, D: Device<E>> {
    pub(crate) vector: &'a mut Gradients<E, D>,
    pub(crate) dual: Option<(DualNorm, f64)>,
}

impl<'a, M: TensorCollection<E, D>, E: Dtype, D: Device<E>> Ascent<'a, M, E, D> {
    /// The perturbation, or why there is none.
    pub(super) fn end(
        self,
        perturbation: Perturbation,
    ) -> Result<Displacement<'a, E, D>, Failure<D::Err>> {
        let (model, vectors) = (self.model, self.vectors);
        let vector = self.vector(perturbation.vector)?;
        vectors
            .keep_perturbed(model, vector)
            .map_err(Failure::Device)?;
        let dual = perturbation.dual;
        Ok(Displacement { vector, dual })
    }

    /// A vector, or why it is not what it should be.
    pub(super) fn vector(mut self, v: Vector) -> Result<&'a mut Gradients<E, D>, Failure<D::Err>> {
        self.run(|ascent| ascent.prepare(v));
        if let Some(error) = self.failure {
            return Err(Failure::Device(error));
        }
        Ok(match v {
            Vector::Gradient => self.gradient,
            Vector::State(at) => &mut self.state[at],
            Vector::Scratch(at) => &mut self.scratch[at],
        })
    }

    /// Does something, unless the device has failed.
    fn run<R>(&mut self, act: impl FnOnce(&mut Self) -> Result<R, D::Err>) -> Option<R> {
        if self.failure.is_some() {
            return None;
        }
        act(self).map_err(|error| self.failure = Some(error)).ok()
    }

    /// A vector that has not been used yet is of zeros.
    fn prepare(&mut self, v: Vector) -> Result<(), D::Err> {
        let (vectors, at) = match v {
            Vector::Gradient => return Ok(()),
            Vector::State(at) => (&mut *self.state, at),
            Vector::Scratch(at) => (&mut *self.scratch, at),
        };
        while vectors.len() <= at {
            vectors.push(self.model.try_alloc_grads()?);
        }
        Ok(())
    }

    fn map(&mut self, v: Vector, map: Map<'_>) {
        self.run(|ascent| {
            ascent.prepare(v)?;
            let (model, vectors) = (ascent.model, ascent.vectors);
            vectors.map(&mut vectors.one(model, ascent.get(v)), map)
        });
    }

    fn get(&mut self, v: Vector) -> &mut Gradients<E, D> {
        match v {
            Vector::Gradient => self.gradient,
            Vector::State(at) => &mut self.state[at],
            Vector::Scratch(at) => &mut self.scratch[at],
        }
    }

    /// Calls `act` with two different vectors.
    fn with_two<R>(
        &mut self,
        x: Vector,
        y: Vector,
        act: impl FnOnce(&Self, &mut Gradients<E, D>, &mut Gradients<E, D>) -> Result<R, D::Err>,
    ) -> Result<R, D::Err> {
        self.prepare(x)?;
        self.prepare(y)?;
        let mut away = std::mem::replace(self.get(y), Gradients::leaky());
        let mut written = std::mem::replace(self.get(x), Gradients::leaky());
        let result = act(self, &mut written, &mut away);
        *self.get(x) = written;
        *self.get(y) = away;
        result
    }
}

impl<M: TensorCollection<E, D>, E: Dtype, D: Device<E>> Algebra for Ascent<'_, M, E, D> {
    fn gradient_norm(&self) -> DualNorm {
        self.gradient_norm.clone()
    }

    fn dual_norm(&mut self, v: Vector, norm: Norm) -> DualNorm {
        self.run(|ascent| {
            ascent.prepare(v)?;
            let (model, vectors) = (ascent.model, ascent.vectors);
            vectors.perturbed_norm(model, ascent.get(v), norm)
        })
        .unwrap_or_else(|| DualNorm::of_nothing(norm))
    }

    fn length(&mut self, v: Vector) -> Scalar {
        self.run(|ascent| {
            ascent.prepare(v)?;
            let (model, vectors) = (ascent.model, ascent.vectors);
            vectors.dual_norm(model, ascent.get(v), Norm::L2, None)
        })
        .map_or_else(|| Scalar::from(0.0), |norm| norm.scalar())
    }

    fn dot(&mut self, a: Vector, b: Vector) -> Scalar {
        self.run(|ascent| {
            let (model, vectors) = (ascent.model, ascent.vectors);
            if a == b {
                ascent.prepare(a)?;
                return vectors.dot(model, ascent.get(a), None);
            }
            ascent.with_two(a, b, |_, a, b| vectors.dot(model, a, Some(b)))
        })
        .unwrap_or_else(|| Scalar::from(0.0))
    }

    fn combine(&mut self, keep: Coefficient, x: Vector, add: Coefficient, y: Vector) {
        if x == y {
            let sum = keep.value() + add.value();
            return self.scale(x, sum.into());
        }
        self.run(|ascent| {
            ascent.with_two(x, y, |ascent, x, y| {
                let vectors = ascent.vectors;
                vectors.map(
                    &mut vectors.two(ascent.model, x, y),
                    Map::Axpby { keep, add },
                )
            })
        });
    }

    fn scale(&mut self, v: Vector, by: Coefficient) {
        let (keep, add) = (by, Coefficient::ZERO);
        self.map(v, Map::Axpby { keep, add });
    }

    fn scale_by_size(&mut self, v: Vector, eta: f64, is_scaled: &dyn Fn(&str) -> bool) {
        self.run(|ascent| {
            ascent.prepare(v)?;
            let (model, vectors) = (ascent.model, ascent.vectors);
            let names = names(model, Which::Parameters)?;
            let is_scaled = |at: usize| names.get(at).is_some_and(|name| is_scaled(name));
            let walk = &mut vectors.with_weights(model, ascent.get(v), &is_scaled);
            vectors.map(walk, Map::ScaleBySize { eta })
        });
    }

    fn make_dual(&mut self, v: Vector, norm: &DualNorm, rho: f64) {
        self.run(|ascent| {
            ascent.prepare(v)?;
            let (model, vectors) = (ascent.model, ascent.vectors);
            // In the L1 norm one element is chosen, which must be one of those.
            vectors.keep_perturbed(model, ascent.get(v))?;
            let walk = &mut vectors.one(model, ascent.get(v));
            vectors.map(walk, Map::Perturb { dual: norm, rho })
        });
    }

    fn shrink(&mut self, v: Vector, norm: Norm, bound: f64) {
        self.run(|ascent| {
            ascent.prepare(v)?;
            let (model, vectors) = (ascent.model, ascent.vectors);
            vectors.shrink(model, ascent.get(v), norm, bound)
        });
    }

    fn epsilon(&self) -> f64 {
        epsilon::<E>()
    }

    fn mask(&mut self, v: Vector, is_zeroed: &dyn Fn(&str) -> bool) {
        self.run(|ascent| {
            ascent.prepare(v)?;
            let model = ascent.model;
            zero_frozen(model, ascent.get(v), is_zeroed)
        });
    }
}
