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
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    lr_factor: f64,
    weight_decay: Option<f64>,
    /// As the rule names them; none before the first update.
    pub(super) buffers: Vec<V>,
}

impl<V> Parameter<V> {
    pub(super) fn new(name: String, shape: &[usize], groups: &[Group]) -> Self {
        let mut parameter = Self {
            name,
            shape: shape.into(),
            lr_factor: 1.0,
            weight_decay: None,
            buffers: Vec::new(),
        };
        for group in groups {
            parameter.join(group);
        }
        parameter
    }

    pub(super) fn is_in(&self, group: &Group) -> bool {
        group.contains(&self.name, &self.shape)
    }

    /// Follows `group`, if it is in it.
    pub(super) fn join(&mut self, group: &Group) {
        if self.is_in(group) {
            self.lr_factor *= group.lr_factor;
            self.weight_decay = group.weight_decay.or(self.weight_decay);
        }
    }

    /// The configuration that holds for it.
    pub(super) fn config<R: Rule>(&self, mut cfg: R) -> R {
        cfg.set_lr(cfg.lr() * self.lr_factor);
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
            let name = in_file(names.next().unwrap_or_default());
            parameters.push(Parameter::new(name, &t.shape(), &[]));
            device.get_or_insert_with(|| t.device().clone());
            Ok(())
        })?;
        Ok((parameters, device))
    });
    walked.expect("listing asks nothing of the device")
}
