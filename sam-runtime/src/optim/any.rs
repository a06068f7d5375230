//! The optimizer that a configuration chooses, at run time.

use dfdx::{
    nn::tensor_collection::TensorCollection,
    optim::{Optimizer, OptimizerUpdateError},
    prelude::*,
    tensor::Gradients,
};

use super::{
    Adam, AdamW, Group, GroupError, OptimizerConfig, OptimizerConfigError, RMSprop, SaveState, Sgd,
    State, StateError, no_decay,
};

/// One of this module's optimizers, as an [`OptimizerConfig`] says.
///
/// ```
/// use sam_runtime::{
///     dfdx::{optim::Optimizer, prelude::*},
///     optim::{AnyOptimizer, OptimizerConfig},
///     schedule::Schedule,
/// };
///
/// let config: OptimizerConfig = toml::from_str("kind = 'adamw'\nno_decay = true")?;
/// let lr = Schedule::cosine(1e-3, 0.0, 10).with_warmup(2);
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let mut opt = AnyOptimizer::new(&model, &config)?;
/// let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
/// for step in 0..10 {
///     opt.set_lr(lr.at(step));
///     let loss = model.forward(x.trace(model.alloc_grads())).square().mean();
///     opt.update(&mut model, &loss.backward()).unwrap();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyOptimizer<M, E: Dtype, D: Storage<E>> {
    /// `kind = "sgd"`.
    Sgd(Sgd<M, E, D>),
    /// `kind = "adam"`.
    Adam(Adam<M, E, D>),
    /// `kind = "adamw"`.
    AdamW(AdamW<M, E, D>),
    /// `kind = "rmsprop"`.
    RMSprop(RMSprop<M, E, D>),
}

/// Does the same with whichever it is.
macro_rules! each {
    ($any:expr, $opt:ident => $body:expr) => {
        match $any {
            AnyOptimizer::Sgd($opt) => $body,
            AnyOptimizer::Adam($opt) => $body,
            AnyOptimizer::AdamW($opt) => $body,
            AnyOptimizer::RMSprop($opt) => $body,
        }
    };
}

impl<M: TensorCollection<E, D>, E: Dtype, D: Device<E>> AnyOptimizer<M, E, D> {
    /// The optimizer of `config` for `model`.
    ///
    /// # Errors
    /// If `config` isn't valid; one that was read from a file is.
    pub fn new(model: &M, config: &OptimizerConfig) -> Result<Self, OptimizerConfigError> {
        config.validate()?;
        let mut opt = match config {
            OptimizerConfig::Sgd(keys) => Self::Sgd(Sgd::new(model, keys.into())),
            OptimizerConfig::Adam(keys) => Self::Adam(Adam::new(model, keys.into())),
            OptimizerConfig::AdamW(keys) => Self::AdamW(AdamW::new(model, keys.into())),
            OptimizerConfig::RMSprop(keys) => Self::RMSprop(RMSprop::new(model, keys.into())),
        };
        if config.no_decay() {
            match opt.add_group(no_decay()) {
                // A model may well have nothing but matrices.
                Ok(()) | Err(GroupError::Empty { .. }) => {}
                Err(error) => unreachable!("the group has no number that could be wrong: {error}"),
            }
        }
        Ok(opt)
    }

    /// Adds a parameter group; see [`BaseOptimizer::add_group`](super::BaseOptimizer::add_group).
    ///
    /// # Errors
    /// [`GroupError`]; the optimizer is then as it was.
    pub fn add_group(&mut self, group: Group) -> Result<(), GroupError> {
        each!(self, opt => opt.add_group(group))
    }

    /// The learning rate; that of a group is this times its factor.
    pub fn lr(&self) -> f64 {
        each!(self, opt => opt.cfg.lr)
    }

    /// Sets the learning rate, as `opt.cfg.lr = lr` does.
    pub fn set_lr(&mut self, lr: f64) {
        each!(self, opt => opt.cfg.lr = lr);
    }

    /// The number of updates so far.
    pub fn step(&self) -> u64 {
        each!(self, opt => opt.step())
    }
}

impl<M: TensorCollection<E, D>, E: Dtype, D: Device<E>> Optimizer<M, D, E>
    for AnyOptimizer<M, E, D>
{
    fn update(
        &mut self,
        module: &mut M,
        gradients: &Gradients<E, D>,
    ) -> Result<(), OptimizerUpdateError<D::Err>> {
        each!(self, opt => opt.update(module, gradients))
    }
}

impl<M: TensorCollection<E, D>, E: Dtype, D: Device<E>> SaveState for AnyOptimizer<M, E, D> {
    fn state(&self) -> Result<State, StateError> {
        each!(self, opt => opt.state())
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        each!(self, opt => opt.load_state(state))
    }

    fn learning_rate(&self) -> Option<f64> {
        Some(self.lr())
    }
}
