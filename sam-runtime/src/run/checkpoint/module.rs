//! All tensors of a module as a state, and back.

use std::collections::BTreeMap;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor_ops::Device};

use crate::{
    doors::walk::{Which, each_named, each_named_mut},
    optim::{HostTensor, State, StateError, from_bytes, to_bytes},
};

/// All tensors of `module`, weights and buffers, under dfdx's names for them.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, run::checkpoint::module_state};
///
/// let model = Cpu::default().build_module::<Linear<4, 2>, f32>();
/// let state = module_state(&model)?;
/// let names: Vec<&String> = state.tensors.keys().collect();
/// assert_eq!(names, ["bias", "weight"]);
/// assert_eq!(state.tensors["weight"].shape, [2, 4]);
/// # Ok::<(), sam_runtime::optim::StateError>(())
/// ```
///
/// # Errors
/// [`StateError::Unsupported`], [`StateError::SameName`], [`StateError::Device`].
pub fn module_state<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    module: &M,
) -> Result<State, StateError> {
    let (mut tensors, mut failure) = (BTreeMap::new(), None);
    each_named::<E, D, M>(module, Which::All, &mut |name, t| {
        match to_bytes(t.values()) {
            Ok((dtype, bytes)) => {
                let shape = t.shape();
                let tensor = HostTensor {
                    dtype,
                    shape,
                    bytes,
                };
                if tensors.insert(name.clone(), tensor).is_some() {
                    failure = Some(StateError::SameName { name });
                }
            }
            Err(error) => failure = Some(error),
        }
        Ok(())
    })
    .map_err(|error| StateError::Device(error.to_string()))?;
    match failure {
        Some(failure) => Err(failure),
        None => Ok(State {
            tensors,
            ..State::default()
        }),
    }
}

/// Writes `state` into `module`. It must have each of its tensors, in its shape and type, and no other;
/// else the module is as it was.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, run::checkpoint::{load_module, module_state}};
///
/// let dev = Cpu::default();
/// let first = dev.build_module::<Linear<4, 2>, f32>();
/// let mut second = dev.build_module::<Linear<4, 2>, f32>();
/// load_module(&mut second, &module_state(&first)?)?;
/// assert_eq!(first.weight.array(), second.weight.array());
/// # Ok::<(), sam_runtime::optim::StateError>(())
/// ```
///
/// # Errors
/// See [`StateError`].
pub fn load_module<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    module: &mut M,
    state: &State,
) -> Result<(), StateError> {
    let mine = module_state(module)?.tensors;
    let mut values = BTreeMap::new();
    for (name, tensor) in &mine {
        let found = state.tensors.get(name);
        let found = found.ok_or_else(|| StateError::Missing { name: name.clone() })?;
        check(name, tensor, found)?;
        values.insert(name.clone(), from_bytes::<E>(&found.bytes)?);
    }
    let unknown = state
        .tensors
        .keys()
        .filter(|name| !mine.contains_key(*name));
    let names: Vec<String> = unknown.cloned().collect();
    if !names.is_empty() {
        return Err(StateError::Unexpected { names });
    }
    each_named_mut::<E, D, M>(module, Which::All, &mut |name, t| {
        values.get(&name).map_or(Ok(()), |values| t.write(values))
    })
    .map_err(|error| StateError::Device(error.to_string()))
}

fn check(name: &str, mine: &HostTensor, found: &HostTensor) -> Result<(), StateError> {
    let name = name.to_owned();
    if found.shape != mine.shape {
        return Err(StateError::Shape {
            name,
            expected: mine.shape.clone(),
            found: found.shape.clone(),
        });
    }
    if found.dtype != mine.dtype {
        return Err(StateError::Dtype {
            name,
            expected: mine.dtype,
            found: found.dtype,
        });
    }
    if found.bytes.len() != mine.bytes.len() {
        return Err(StateError::Bytes {
            name,
            expected: mine.bytes.len(),
            found: found.bytes.len(),
        });
    }
    Ok(())
}
