//! Vectors as large as the parameters of a model, and what measures do with them: the algebra of the step, on the
//! device of the model.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::{
    device::{
        Norm,
        vectors::{Coefficient, Map, epsilon},
    },
    doors::{
        buffer::upload,
        walk::{Which, each, each_pair},
    },
    step::{
        On, StepError,
        parts::{Displacement, ModelVectors, PerturbedWeights},
    },
};

pub(super) struct Arithmetic<E: Dtype, D: Device<E>> {
    vectors: ModelVectors<E, D>,
}

impl<E: Dtype, D: Device<E>> Arithmetic<E, D> {
    pub(super) fn of<M: TensorCollection<E, D>>(model: &M) -> Result<Self, StepError> {
        let vectors = ModelVectors::of(model, On::All)?;
        Ok(Self { vectors })
    }

    /// Of the model, unless it has no parameters.
    pub(super) fn device(&self) -> Option<D> {
        self.vectors.device.clone()
    }

    pub(super) fn zeros<M: TensorCollection<E, D>>(
        &self,
        model: &M,
    ) -> Result<Gradients<E, D>, StepError> {
        model.try_alloc_grads().map_err(StepError::device)
    }

    /// `<x, y>`.
    #[cfg(feature = "spectrum")]
    pub(super) fn dot<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
        y: &mut Gradients<E, D>,
    ) -> Result<f64, StepError> {
        let found = self
            .vectors
            .dot(model, x, Some(y))
            .map_err(StepError::device)?;
        Ok(found.value())
    }

    /// `||x||_2`.
    pub(super) fn length<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
    ) -> Result<f64, StepError> {
        let norm = self.vectors.dual_norm(model, x, Norm::L2, None);
        Ok(norm.map_err(StepError::device)?.value())
    }

    /// `x = keep x + add y`.
    pub(super) fn combine<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        keep: f64,
        x: &mut Gradients<E, D>,
        add: f64,
        y: &mut Gradients<E, D>,
    ) -> Result<(), StepError> {
        let map = Map::Axpby {
            keep: keep.into(),
            add: add.into(),
        };
        let walk = &mut self.vectors.two(model, x, y);
        self.vectors.map(walk, map).map_err(StepError::device)
    }

    /// `x = by x`.
    pub(super) fn scale<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
        by: f64,
    ) -> Result<(), StepError> {
        let map = Map::Axpby {
            keep: by.into(),
            add: Coefficient::ZERO,
        };
        let walk = &mut self.vectors.one(model, x);
        self.vectors.map(walk, map).map_err(StepError::device)
    }

    /// `x` becomes the perturbation of SAM's eq. 2 that is dual to it.
    pub(super) fn make_dual<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
        norm: Norm,
        rho: f64,
    ) -> Result<(), StepError> {
        let dual = &self
            .vectors
            .dual_norm(model, x, norm, None)
            .map_err(StepError::device)?;
        let walk = &mut self.vectors.one(model, x);
        self.vectors
            .map(walk, Map::Perturb { dual, rho })
            .map_err(StepError::device)
    }

    /// `x` is scaled down to `||x||_p = bound`, at most.
    pub(super) fn shrink<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        x: &mut Gradients<E, D>,
        norm: Norm,
        bound: f64,
    ) -> Result<(), StepError> {
        self.vectors
            .shrink(model, x, norm, bound)
            .map_err(StepError::device)
    }

    /// A copy of the model at `w + e`.
    pub(super) fn displaced<M: TensorCollection<E, D> + Clone>(
        &self,
        model: &M,
        e: Option<&mut Gradients<E, D>>,
    ) -> Result<M, StepError> {
        let mut copy = model.clone();
        if let Some(vector) = e {
            let e = Displacement { vector, dual: None };
            PerturbedWeights::default()
                .displace(&mut copy, model, e, &self.vectors)
                .map_err(StepError::device)?;
        }
        Ok(copy)
    }

    /// A vector of drawn numbers.
    pub(super) fn drawn<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        rng: &mut ChaCha12Rng,
        mut draw: impl FnMut(&mut ChaCha12Rng) -> f64,
    ) -> Result<Gradients<E, D>, StepError> {
        self.of_tensors(model, |_, len, _| (0..len).map(|_| draw(rng)).collect())
    }

    /// A vector whose part for each parameter is made of its shape, the number of its elements and these, as they lie in
    /// memory.
    pub(super) fn of_tensors<M: TensorCollection<E, D>>(
        &self,
        model: &M,
        mut part: impl FnMut(&[usize], usize, &[E]) -> Vec<f64>,
    ) -> Result<Gradients<E, D>, StepError> {
        let mut vector = self.zeros(model)?;
        each::<E, D, M>(model, Which::Parameters, &mut |t| {
            let gradient = t.gradient(&mut vector)?;
            let len = Storage::<E>::len(t.device(), gradient);
            let part = part(&t.shape(), len, &t.in_memory(len));
            let part: Vec<E> = part.into_iter().map(to).collect();
            *gradient = upload(t.device(), &part)?;
            Ok(())
        })
        .map_err(StepError::device)?;
        Ok(vector)
    }

    /// `other - model`, for two models whose parameters lie in memory alike.
    pub(super) fn difference<M: TensorCollection<E, D> + Clone>(
        &self,
        other: &M,
        model: &M,
    ) -> Result<Gradients<E, D>, StepError> {
        let mut vector = self.zeros(model)?;
        // Only read: the walk over two models writes to the first.
        each_pair::<E, D, M>(&mut other.clone(), model, Which::Parameters, &mut |pair| {
            let (there, here) = (pair.target(), pair.source());
            let gradient = here.gradient(&mut vector)?;
            let device = here.device();
            let len = Storage::<E>::len(device, gradient);
            let (there, here) = (there.in_memory(len), here.in_memory(len));
            let elements = there.iter().zip(here.iter());
            let difference: Vec<E> = elements.map(|(there, here)| *there - *here).collect();
            *gradient = upload(device, &difference)?;
            Ok(())
        })
        .map_err(StepError::device)?;
        Ok(vector)
    }

    /// The number of parameters, and the squared L2 norm of them all.
    pub(super) fn parameters<M: TensorCollection<E, D>>(
        &self,
        model: &M,
    ) -> Result<(usize, f64), StepError> {
        let (mut count, mut squares) = (0, 0.0);
        self.of_tensors(model, |_, len, elements| {
            count += len;
            squares += elements.iter().map(|w| from(*w).powi(2)).sum::<f64>();
            vec![0.0; len]
        })?;
        Ok((count, squares))
    }

    /// The distance from 1 to the next number.
    pub(super) fn epsilon(&self) -> f64 {
        epsilon::<E>()
    }
}

/// The numbers of a seed that a direction, one of several, is drawn from.
pub(super) fn generator(seed: u64, stream: u64) -> ChaCha12Rng {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

fn to<E: Dtype>(x: f64) -> E {
    E::from_f64(x).unwrap_or_default()
}

fn from<E: Dtype>(x: E) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}
