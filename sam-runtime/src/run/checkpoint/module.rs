//! All tensors of a module as a state, and back.

use std::collections::BTreeMap;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor_ops::Device};

use crate::{
    named::{self, Tensors, in_file},
    optim::{State, StateError, check},
};

/// All tensors of `module`, weights and buffers, under PyTorch's names: `weight` for what dfdx calls
/// `scale`.
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
    Ok(State {
        tensors: named::read(module)?,
        ..State::default()
    })
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
    let mut theirs = BTreeMap::new();
    let mut unknown = Vec::new();
    // Earlier versions wrote dfdx's names.
    for (name, tensor) in &state.tensors {
        if theirs.insert(in_file(name.clone()), tensor).is_some() {
            unknown.push(name.clone());
        }
    }
    let mut values = Tensors::new();
    for (name, tensor) in named::read::<E, D, M>(module)? {
        let found = theirs.remove(&name);
        let found = found.ok_or_else(|| StateError::Missing { name: name.clone() })?;
        check(&name, found, &tensor.shape, tensor.dtype)?;
        values.insert(name, found.clone());
    }
    unknown.extend(theirs.into_keys());
    if !unknown.is_empty() {
        return Err(StateError::Unexpected { names: unknown });
    }
    Ok(named::write(module, values)?)
}
