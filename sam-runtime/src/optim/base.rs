//! The optimizer that all rules share: a walk over the parameters, with their buffers beside them.

use std::{fmt, marker::PhantomData};

use dfdx::{
    nn::tensor_collection::*,
    optim::{Optimizer, OptimizerUpdateError},
    prelude::*,
    tensor::Gradients,
};

use super::{
    Group, GroupError, Rule,
    parameter::{Parameter, parameters},
    walk::Walk,
};
use crate::{
    device::vectors::zero_gradients,
    doors::{buffer::Buffer, plain_sgd::PlainSgd},
};

/// A base optimizer: dfdx's update of each parameter, and a state that can be saved
/// ([`SaveState`](super::SaveState)).
///
/// It is used under the names [`Sgd`](super::Sgd), [`Adam`](super::Adam), [`AdamW`](super::AdamW) and
/// [`RMSprop`](super::RMSprop), as dfdx's optimizers of these names are. `R` is the rule, which is also the
/// configuration.
///
/// # Memory
/// The rule's buffers, and during an update one more set of gradients: dfdx lets only its own optimizers
/// read those that an update is given, so they are copied. That takes about as long as reading them does. On a GPU,
/// SGD without momentum leaves the update to dfdx's.
pub struct BaseOptimizer<R, M, E: Dtype, D: Storage<E>> {
    /// The configuration. It may change at any time: `opt.cfg.lr = lr.at(step)`.
    pub cfg: R,
    pub(super) step: u64,
    pub(super) parameters: Vec<Parameter<Buffer<E, D>>>,
    pub(super) device: Option<D>,
    groups: Vec<Group>,
    /// dfdx's own, from the first update that is left to it.
    plain: Option<PlainSgd<E, D>>,
    model: PhantomData<fn(&M)>,
}

impl<R, M, E, D> BaseOptimizer<R, M, E, D>
where
    R: Rule,
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// An optimizer for `model`, which has made no update yet.
    ///
    /// ```
    /// use sam_runtime::{dfdx::{optim::SgdConfig, prelude::*}, optim::Sgd};
    /// # let dev = Cpu::default();
    /// # let model = dev.build_module::<Linear<4, 2>, f32>();
    ///
    /// let mut opt = Sgd::new(&model, SgdConfig { lr: 0.1, ..Default::default() });
    /// opt.cfg.lr = 0.05;
    /// # dfdx::optim::Optimizer::update(&mut opt, &mut model.clone(), &model.alloc_grads()).unwrap();
    /// ```
    pub fn new(model: &M, cfg: R) -> Self {
        let (parameters, device) = parameters(model);
        Self {
            cfg,
            step: 0,
            parameters,
            device,
            groups: Vec::new(),
            plain: None,
            model: PhantomData,
        }
    }

    /// Adds a parameter group. A parameter may be in several: their factors multiply, and of their
    /// weight decays the one added last counts.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, optim::{AdamW, AdamWConfig, Group, no_decay}};
    /// # let dev = Cpu::default();
    /// # type Mlp = (Linear<4, 8>, ReLU, Linear<8, 2>);
    /// # let model = dev.build_module::<Mlp, f32>();
    ///
    /// let mut opt = AdamW::new(&model, AdamWConfig::default());
    /// opt.add_group(no_decay())?;
    /// opt.add_group(Group::new(|name, _| name.starts_with("2.")).lr_factor(10.0))?;
    /// # dfdx::optim::Optimizer::update(&mut opt, &mut model.clone(), &model.alloc_grads()).unwrap();
    /// # Ok::<(), sam_runtime::optim::GroupError>(())
    /// ```
    ///
    /// # Errors
    /// [`GroupError`]; the optimizer is then as it was.
    pub fn add_group(&mut self, group: Group) -> Result<(), GroupError> {
        group.validate()?;
        if !self.parameters.iter().any(|p| p.is_in(&group)) {
            return Err(GroupError::Empty {
                names: self.parameters.iter().map(|p| p.name.clone()).collect(),
            });
        }
        for parameter in &mut self.parameters {
            parameter.join(&group);
        }
        self.groups.push(group);
        Ok(())
    }

    /// Zeroes what `gradients` have for the parameters of `model`, and drops all others: dfdx's
    /// [`zero_grads`](dfdx::nn::ZeroGrads::zero_grads), on several threads of the host, and in one launch on a GPU.
    /// PyTorch's `optimizer.zero_grad(set_to_none=False)`.
    ///
    /// ```
    /// use sam_runtime::{dfdx::{optim::{Optimizer, SgdConfig}, prelude::*}, optim::Sgd};
    /// # let dev = Cpu::default();
    /// # let mut model = dev.build_module::<Linear<4, 2>, f32>();
    ///
    /// let mut opt = Sgd::new(&model, SgdConfig::default());
    /// let x: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
    /// let mut grads = model.forward(x.traced(model.alloc_grads())).square().mean().backward();
    /// opt.update(&mut model, &grads).unwrap();
    /// opt.zero_grads(&model, &mut grads).unwrap();
    /// assert_eq!(grads.get(&model.bias).array(), [0.0; 2]);
    /// ```
    ///
    /// # Errors
    /// The device's.
    pub fn zero_grads(&self, model: &M, gradients: &mut Gradients<E, D>) -> Result<(), D::Err> {
        zero_gradients(model, gradients)
    }

    /// The number of updates so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Each parameter's name and shape, and the configuration that now holds for it.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &[usize], R)> {
        self.parameters
            .iter()
            .map(|p| (p.name.as_str(), p.shape.as_slice(), p.config(self.cfg)))
    }
}

impl<R, M, E, D> Optimizer<M, D, E> for BaseOptimizer<R, M, E, D>
where
    R: Rule,
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// Updates all parameters of `module`.
    ///
    /// # Errors
    /// As dfdx's: `UnusedParams` with those that have no gradient, after all others were updated;
    /// `DeviceError` where the device fails.
    fn update(
        &mut self,
        module: &mut M,
        gradients: &Gradients<E, D>,
    ) -> Result<(), OptimizerUpdateError<D::Err>> {
        self.step = self.step.saturating_add(1);
        let mut walk = Walk::new(
            self.cfg,
            self.step,
            &mut self.parameters,
            &self.groups,
            gradients,
            &mut self.plain,
        );
        M::iter_tensors(&mut RecursiveWalker {
            m: (module, String::new()),
            f: &mut walk,
        })
        .map_err(OptimizerUpdateError::DeviceError)?;
        walk.unused.into()
    }
}

impl<R: Rule, M, E: Dtype, D: Storage<E>> Clone for BaseOptimizer<R, M, E, D> {
    fn clone(&self) -> Self {
        Self {
            cfg: self.cfg,
            step: self.step,
            parameters: self.parameters.clone(),
            device: self.device.clone(),
            groups: self.groups.clone(),
            plain: None,
            model: PhantomData,
        }
    }
}

impl<R: Rule, M, E: Dtype, D: Storage<E>> fmt::Debug for BaseOptimizer<R, M, E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(R::KIND)
            .field("cfg", &self.cfg)
            .field("step", &self.step)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}
