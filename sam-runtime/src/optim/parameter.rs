//! What an optimizer knows of one parameter.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{Group, Rule};
use crate::{
    doors::{
        buffer::Buffer,
        walk::{Which, each, names},
    },
    named::in_file,
};

/// One parameter: who it is, what its groups say, and its buffers.
#[derive(Clone)]
pub(super) struct Parameter<V> {
    /// As in files.
    pub(super) name: String,
    /// In the module, as the key `frozen` has it.
    pub(super) name_in_module: String,
    pub(super) shape: Vec<usize>,
    lr_factor: f64,
    weight_decay: Option<f64>,
    /// No update touches it.
    pub(super) is_frozen: bool,
    /// As the rule names them; none before the first update.
    pub(super) buffers: Vec<V>,
}

impl<V> Parameter<V> {
    pub(super) fn new(name_in_module: String, shape: &[usize], groups: &[Group]) -> Self {
        let mut parameter = Self {
            name: in_file(name_in_module.clone()),
            name_in_module,
            shape: shape.into(),
            lr_factor: 1.0,
            weight_decay: None,
            is_frozen: false,
            buffers: Vec::new(),
        };
        for group in groups {
            parameter.join(group);
        }
        parameter
    }

    pub(super) fn is_in(&self, group: &Group) -> bool {
        let name = match group.is_frozen {
            true => &self.name_in_module,
            false => &self.name,
        };
        group.contains(name, &self.shape)
    }

    /// Follows `group`, if it is in it.
    pub(super) fn join(&mut self, group: &Group) {
        if self.is_in(group) {
            self.is_frozen |= group.is_frozen;
            self.lr_factor *= group.lr_factor;
            self.weight_decay = group.weight_decay.or(self.weight_decay);
        }
    }

    /// The configuration that holds for it; of one that is frozen, with a learning rate of 0.
    pub(super) fn config<R: Rule>(&self, mut cfg: R) -> R {
        let lr_factor = match self.is_frozen {
            true => 0.0,
            false => self.lr_factor,
        };
        cfg.set_lr(cfg.lr() * lr_factor);
        if let Some(weight_decay) = self.weight_decay {
            cfg.set_weight_decay(weight_decay);
        }
        cfg
    }

    /// What this buffer of it is called in a state.
    pub(super) fn buffer_name(&self, buffer: &str) -> String {
        match self.name.as_str() {
            // The model is a single tensor.
            "" => buffer.to_owned(),
            name => format!("{buffer}.{name}"),
        }
    }
}

/// The parameters of `model` in the order of the walk, and the device of the first one.
pub(super) fn parameters<M, E, D>(model: &M) -> (Vec<Parameter<Buffer<E, D>>>, Option<D>)
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let walked = names(model, Which::Parameters).and_then(|names| {
        let mut names = names.into_iter();
        let (mut parameters, mut device) = (Vec::new(), None);
        each(model, Which::Parameters, &mut |t| {
            let name = names.next().unwrap_or_default();
            parameters.push(Parameter::new(name, &t.shape(), &[]));
            device.get_or_insert_with(|| t.device().clone());
            Ok(())
        })?;
        Ok((parameters, device))
    });
    walked.expect("listing asks nothing of the device")
}
