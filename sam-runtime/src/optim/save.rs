//! The state of an optimizer: its buffers by name, and the number of its updates.

use std::collections::{BTreeMap, BTreeSet};

use dfdx::{nn::tensor_collection::TensorCollection, prelude::*};
use serde_json::Value;

use super::{
    BaseOptimizer, HostTensor, Rule, SaveState, State, StateError, check, parameter::Parameter,
    walk::fresh,
};
use crate::{
    doors::buffer::{Buffer, upload},
    named::{download, dtype, from_bytes},
};

/// What a state is of, and how many updates there were.
const KIND: &str = "optimizer";
const STEP: &str = "step";

/// Tensors are called `{buffer}.{parameter}`. A buffer that the configuration doesn't use, and that is
/// zero, is left out for all parameters; one that is absent for all, and that some configurations do without,
/// is zero. Before the first update there is no tensor.
///
/// Configuration and groups are no part of the state.
impl<R, M, E, D> SaveState for BaseOptimizer<R, M, E, D>
where
    R: Rule,
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    fn learning_rate(&self) -> Option<f64> {
        Some(self.cfg.lr())
    }

    fn state(&self) -> Result<State, StateError> {
        self.check_names()?;
        let numbers = BTreeMap::from([
            (KIND.to_owned(), R::KIND.into()),
            (STEP.to_owned(), self.step.into()),
        ]);
        let mut tensors = BTreeMap::new();
        if let (Some(device), 1..) = (&self.device, self.step) {
            for (index, buffer) in R::BUFFERS.iter().enumerate() {
                let named = self.parameters.iter().map(|parameter| {
                    let tensor = read::<E, D>(device, parameter, index)?;
                    Ok((parameter.buffer_name(buffer), tensor))
                });
                let named: Vec<_> = named.collect::<Result<_, StateError>>()?;
                if self.cfg.uses(index) || named.iter().any(|(_, tensor)| has_bits(tensor)) {
                    tensors.extend(named);
                }
            }
        }
        Ok(State { tensors, numbers })
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.check_names()?;
        let step = numbers(state, R::KIND)?;
        let mut known = BTreeSet::new();
        let mut all = Vec::with_capacity(self.parameters.len());
        if let (Some(device), 1..) = (&self.device, step) {
            let kept: Vec<bool> = (0..R::BUFFERS.len())
                .map(|index| {
                    let is_needed = self.cfg.uses(index) && !R::is_optional(index);
                    is_needed || self.is_in(state, index)
                })
                .collect();
            for parameter in &self.parameters {
                // After the first update, what is not in the state is zero.
                let len = parameter.shape.iter().product();
                let mut buffers = fresh::<R, E, D>(device, len, step + 1)
                    .map_err(|error: D::Err| StateError::Device(error.to_string()))?;
                for (index, name) in R::BUFFERS.iter().enumerate().filter(|(i, _)| kept[*i]) {
                    let name = parameter.buffer_name(name);
                    let values = checked::<E>(state, &name, &parameter.shape)?;
                    buffers[index] = upload(device, &values)
                        .map_err(|error| StateError::Device(error.to_string()))?;
                    known.insert(name);
                }
                all.push(buffers);
            }
        }
        let names: Vec<String> = state
            .tensors
            .keys()
            .filter(|name| !known.contains(*name))
            .cloned()
            .collect();
        if !names.is_empty() {
            return Err(StateError::Unexpected { names });
        }
        all.resize_with(self.parameters.len(), Vec::new);
        self.step = step;
        for (parameter, buffers) in self.parameters.iter_mut().zip(all) {
            parameter.buffers = buffers;
        }
        Ok(())
    }
}

impl<R: Rule, M, E: Dtype, D: Device<E>> BaseOptimizer<R, M, E, D> {
    /// Whether the state has this buffer of any parameter.
    fn is_in(&self, state: &State, index: usize) -> bool {
        let buffer = R::BUFFERS[index];
        let mut names = self.parameters.iter().map(|p| p.buffer_name(buffer));
        names.any(|name| state.tensors.contains_key(&name))
    }

    fn check_names(&self) -> Result<(), StateError> {
        let mut names = BTreeSet::new();
        match self.parameters.iter().find(|p| !names.insert(&p.name)) {
            Some(twice) => Err(StateError::SameName {
                name: twice.name.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// One buffer of a parameter. One that never had a gradient has what it would begin with now: zeros.
fn read<E: Dtype, D: Device<E>>(
    device: &D,
    parameter: &Parameter<Buffer<E, D>>,
    index: usize,
) -> Result<HostTensor, StateError> {
    if let Some(buffer) = parameter.buffers.get(index) {
        return Ok(download(device, buffer, &parameter.shape)?);
    }
    let dtype = dtype::<E>()?;
    let len: usize = parameter.shape.iter().product();
    Ok(HostTensor {
        dtype,
        shape: parameter.shape.clone(),
        bytes: vec![0; len * dtype.size()],
    })
}

fn has_bits(tensor: &HostTensor) -> bool {
    tensor.bytes.iter().any(|byte| *byte != 0)
}

/// The number of updates, if the state is one of `kind`.
fn numbers(state: &State, kind: &'static str) -> Result<u64, StateError> {
    let wrong = |name: &str, expected, found: Option<&Value>| StateError::Number {
        name: name.to_owned(),
        expected,
        found: found.map_or("absent".to_owned(), Value::to_string),
    };
    let found = state.numbers.get(KIND);
    let found = found
        .and_then(Value::as_str)
        .ok_or_else(|| wrong(KIND, "the name of an optimizer", found))?;
    if found != kind {
        return Err(StateError::Kind {
            expected: kind,
            found: found.to_owned(),
        });
    }
    if let Some((name, value)) = state
        .numbers
        .iter()
        .find(|(name, _)| ![KIND, STEP].contains(&name.as_str()))
    {
        return Err(wrong(name, "absent", Some(value)));
    }
    let step = state.numbers.get(STEP);
    // One below the greatest, so that there is a next one.
    step.and_then(Value::as_u64)
        .filter(|step| *step < u64::MAX)
        .ok_or_else(|| wrong(STEP, "a number of updates", step))
}

/// The elements of the tensor `name`, if it fits.
pub(crate) fn checked<E: Dtype>(
    state: &State,
    name: &str,
    shape: &[usize],
) -> Result<Vec<E>, StateError> {
    let tensor = state.tensors.get(name).ok_or_else(|| StateError::Missing {
        name: name.to_owned(),
    })?;
    check(name, tensor, shape, dtype::<E>()?)?;
    Ok(from_bytes(&tensor.bytes))
}
