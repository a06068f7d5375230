use std::ops::{Deref, DerefMut};

use dfdx::{
    nn::tensor_collection::TensorCollection,
    optim::{Optimizer, OptimizerUpdateError},
    prelude::*,
    tensor::Gradients,
};

use super::{
    World, WorldError,
    average::{averaged, bound},
};
use crate::{
    optim::{SaveState, State, StateError},
    step::Clip,
};

/// An optimizer that updates by the mean of all ranks' gradients: what makes a loop one of several ranks, beside
/// [`sync_model`](super::sync_model), under `#[sam_train]` and without it. With one rank it is the optimizer itself.
///
/// It derefs to the optimizer, so that `opt.cfg.lr = ..` and `opt.set_lr(..)` mean that one's.
///
/// ```
/// use sam_runtime::{
///     dfdx::{optim::{Optimizer, Sgd}, prelude::*},
///     distributed::{Averaged, ThreadRank, Threads, World, check, sync_model},
///     prelude::*,
/// };
///
/// type Net = Built<Linear<4, 2>>;
/// type Ranked = Averaged<Sgd<Net, f32, Cpu>, ThreadRank>;
///
/// #[sam_train(rho = 0.05)]
/// fn step(model: &mut Net, opt: &mut Ranked, x: Tensor<Rank2<8, 4>, f32, Cpu>) {
///     let loss = model.forward_mut(x.traced(model.alloc_grads())).square().mean();
///     let grads = loss.backward();
///     opt.update(model, &grads).unwrap();
/// }
///
/// Threads::run(2, |world| {
///     let dev = Cpu::seed_from_u64(0);
///     let mut model = dev.build_module::<Linear<4, 2>, f32>();
///     sync_model(&world, &mut model)?;
///     let mut opt = Averaged::new(Sgd::new(&model, Default::default()), world.clone());
///     for _ in 0..3 {
///         step(&mut model, &mut opt, dev.sample_normal());
///     }
///     check(&world, &model)
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Averaged<O, W> {
    optimizer: O,
    world: W,
    clip: Clip,
}

impl<O, W: World> Averaged<O, W> {
    /// `optimizer`, on the ranks of `world`.
    pub fn new(optimizer: O, world: W) -> Self {
        Self {
            optimizer,
            world,
            clip: Clip::NONE,
        }
    }

    /// Bounds the mean: for loops without SAM. What SAM's steps have as their `clip` is heeded by itself.
    #[must_use]
    pub fn clip(self, clip: Clip) -> Self {
        Self { clip, ..self }
    }

    /// The mean of all ranks' gradients, bounded: what [`update`](Optimizer::update) updates by, for loops that want its errors.
    ///
    /// # Errors
    /// As of [`average`](super::average()).
    pub fn average<M, E, D>(
        &self,
        model: &M,
        gradients: &Gradients<E, D>,
    ) -> Result<Gradients<E, D>, WorldError>
    where
        M: TensorCollection<E, D>,
        E: Dtype,
        D: Device<E>,
    {
        let mut mean = averaged(&self.world, model, gradients)?;
        bound(model, &mut mean, self.clip)?;
        Ok(mean)
    }

    /// The optimizer alone.
    pub fn into_inner(self) -> O {
        self.optimizer
    }
}

impl<O, W> Deref for Averaged<O, W> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.optimizer
    }
}

impl<O, W> DerefMut for Averaged<O, W> {
    fn deref_mut(&mut self) -> &mut O {
        &mut self.optimizer
    }
}

impl<M, E, D, O, W> Optimizer<M, D, E> for Averaged<O, W>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
    O: Optimizer<M, D, E>,
    W: World,
{
    /// Updates `module` by the mean of all ranks' gradients.
    ///
    /// # Errors
    /// Those of the optimizer: [`UnusedParams`](OptimizerUpdateError::UnusedParams) with what no rank has a gradient of.
    ///
    /// # Panics
    /// Where the ranks can't go on together, or the mean is not finite, by the text of the [`WorldError`]: dfdx's error has no
    /// place for it. Under SAM, a gradient that is not finite is an error of the step before. A mean that is taken on a GPU is not
    /// looked at: see [`average`](super::average()).
    fn update(
        &mut self,
        module: &mut M,
        gradients: &Gradients<E, D>,
    ) -> Result<(), OptimizerUpdateError<D::Err>> {
        if self.world.size() == 1 && self.clip == Clip::NONE {
            return self.optimizer.update(module, gradients);
        }
        match self.average(module, gradients) {
            Ok(mean) => self.optimizer.update(module, &mean),
            Err(error) => panic!("{error}"),
        }
    }
}

impl<O: SaveState, W> SaveState for Averaged<O, W> {
    fn state(&self) -> Result<State, StateError> {
        self.optimizer.state()
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.optimizer.load_state(state)
    }

    fn learning_rate(&self) -> Option<f64> {
        self.optimizer.learning_rate()
    }
}
