//! The two points at which gradients are taken at once, and their memory.

use std::mem;

use dfdx::{
    nn::tensor_collection::*,
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use crate::{
    device::{
        DualNorm,
        vectors::{Coefficient, Map},
    },
    doors::{
        generator::{Generator, set_generator},
        walk::{Which, each_pair},
    },
    step::{
        algebra::Displacement, tensors::blend_buffers, vectors::ModelVectors,
        weights::PerturbedWeights,
    },
};

type Outcome<T> = Result<T, <Cpu as HasErr>::Err>;

/// What is made for a model once.
pub(super) struct Space<M, E: Dtype> {
    /// The parameters that it was made for.
    pub(super) ids: Vec<UniqueId>,
    /// The device of `ahead`, with a generator of its own.
    pub(super) device: Cpu,
    /// The model of perturbed passes.
    pub(super) ahead: M,
    at_ahead: Gradients<E, Cpu>,
    /// The gradient at `y`.
    pub(super) at_y: Gradients<E, Cpu>,
    /// What the update takes.
    pub(super) update: Gradients<E, Cpu>,
    weights_at_y: PerturbedWeights<E>,
    weights_ahead: PerturbedWeights<E>,
}

impl<M, E> Space<M, E>
where
    M: TensorCollection<E, Cpu, To<E, Cpu> = M> + Clone,
    E: Dtype,
    Cpu: Device<E>,
{
    pub(super) fn of(model: &M, ids: Vec<UniqueId>) -> Outcome<Self> {
        let device = Cpu::default();
        // On its way to a device a model loses what it has besides tensors: the tensors alone are taken from there.
        let (mut ahead, there) = (model.clone(), model.try_to_device(&device)?);
        each_pair::<E, Cpu, M>(&mut ahead, &there, Which::All, &mut |pair| {
            pair.share();
            Ok(())
        })?;
        drop(there);
        // Elements are copied as they lie in memory.
        each_pair::<E, Cpu, M>(&mut ahead, model, Which::Parameters, &mut |pair| {
            if pair.source().lies_otherwise() {
                let mut alike = pair.source().with_own_id()?;
                pair.put(&mut *alike);
            }
            Ok(())
        })?;
        Ok(Self {
            ids,
            at_ahead: ahead.try_alloc_grads()?,
            at_y: model.try_alloc_grads()?,
            update: model.try_alloc_grads()?,
            weights_at_y: PerturbedWeights::default(),
            weights_ahead: PerturbedWeights::default(),
            device,
            ahead,
        })
    }

    /// Moves `ahead` to the top of the ball, by the gradient at `y`, and its generator to where it was before the pass
    /// of that.
    pub(super) fn climb(
        &mut self,
        model: &M,
        vectors: &ModelVectors<E, Cpu>,
        radius: (DualNorm, f64),
        random: Option<&Generator>,
    ) -> Outcome<()> {
        if let Some(random) = random {
            set_generator(&self.device, random);
        }
        blend_buffers(&mut self.ahead, model, 0.0, 1.0)?;
        let e = Displacement {
            vector: &mut self.at_y,
            dual: Some(radius),
        };
        self.weights_ahead
            .displace(&mut self.ahead, model, e, vectors)
    }

    /// Moves `y`, a copy of the model, to where SGD would have gone by the gradient at the last `y`.
    pub(super) fn go_on(
        &mut self,
        y: &mut M,
        model: &M,
        vectors: &ModelVectors<E, Cpu>,
        lr: f64,
    ) -> Outcome<()> {
        let (keep, add) = ((-lr).into(), Coefficient::ZERO);
        vectors.map(
            &mut vectors.one(model, &mut self.at_y),
            Map::Axpby { keep, add },
        )?;
        let e = Displacement {
            vector: &mut self.at_y,
            dual: None,
        };
        self.weights_at_y.displace(y, model, e, vectors)
    }

    /// Zeros, from which the tape of a pass at `y` starts.
    pub(super) fn start_at_y(&mut self, model: &M) -> Outcome<Gradients<E, Cpu>> {
        zeroed(&mut self.at_y, model)
    }

    /// The same for a pass of `ahead`.
    pub(super) fn start_ahead(&mut self) -> Outcome<Gradients<E, Cpu>> {
        zeroed(&mut self.at_ahead, &self.ahead)
    }

    /// Takes the gradient of `ahead` into what the update takes, as the model's.
    pub(super) fn take(&mut self, gradient: Gradients<E, Cpu>, model: &M) -> Outcome<()> {
        self.at_ahead = gradient;
        let Self {
            ahead,
            at_ahead,
            update,
            ..
        } = self;
        each_pair::<E, Cpu, M>(ahead, model, Which::Parameters, &mut |pair| {
            let found = pair.target().gradient(at_ahead)?;
            mem::swap(found, pair.source().gradient(update)?);
            Ok(())
        })
    }

    /// Mixes the gradient at `y` into what the update takes.
    pub(super) fn mix(
        &mut self,
        model: &M,
        vectors: &ModelVectors<E, Cpu>,
        lambda: f64,
    ) -> Outcome<()> {
        let (keep, add) = ((1.0 - lambda).into(), lambda.into());
        vectors.map(
            &mut vectors.two(model, &mut self.update, &mut self.at_y),
            Map::Axpby { keep, add },
        )
    }

    /// Gives the model the running statistics of the pass at `y`; the memory of its weights is kept.
    pub(super) fn arrive(&mut self, model: &mut M, y: &M) -> Outcome<()> {
        blend_buffers(model, y, 0.0, 1.0)?;
        self.weights_at_y.reclaim(y)
    }
}

fn zeroed<M, E>(kept: &mut Gradients<E, Cpu>, model: &M) -> Outcome<Gradients<E, Cpu>>
where
    M: TensorCollection<E, Cpu>,
    E: Dtype,
    Cpu: Device<E>,
{
    let mut gradients = mem::replace(kept, Gradients::leaky());
    model.try_zero_grads(&mut gradients)?;
    Ok(gradients)
}
