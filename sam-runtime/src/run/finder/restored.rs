//! A model and its optimizer, as they were, whatever has become of them.

use std::marker::PhantomData;

use dfdx::{prelude::*, tensor_ops::Device};

use crate::{
    device::Moment,
    optim::{State, StateError},
    step::{device_of, forget_method_state, method_state, set_method_state},
};

/// Puts back weights, buffers, the optimizer with its configuration, what the method of the steps keeps, and the random numbers: when
/// [asked](Self::restore), and when dropped, also in a panic.
pub(super) struct Restored<'a, M, O, E, D>
where
    M: TensorCollection<E, D> + Clone,
    O: Clone,
    E: Dtype,
    D: Device<E>,
{
    pub(super) model: &'a mut M,
    pub(super) opt: &'a mut O,
    was: (M, O),
    method: Option<State>,
    moment: Moment,
    types: PhantomData<fn() -> (E, D)>,
}

impl<'a, M, O, E, D> Restored<'a, M, O, E, D>
where
    M: TensorCollection<E, D> + Clone,
    O: Clone,
    E: Dtype,
    D: Device<E>,
{
    pub(super) fn new(model: &'a mut M, opt: &'a mut O) -> Result<Self, StateError> {
        let device: Option<D> = device_of(model);
        Ok(Self {
            was: (model.clone(), opt.clone()),
            method: method_state(model)?,
            moment: Moment::now(device.as_ref()),
            model,
            opt,
            types: PhantomData,
        })
    }

    pub(super) fn restore(&mut self) -> Result<(), StateError> {
        (*self.model, *self.opt) = self.was.clone();
        self.moment.restore();
        match &self.method {
            Some(state) => set_method_state(self.model, state),
            None => forget_method_state(self.model),
        }
    }
}

impl<M, O, E, D> Drop for Restored<'_, M, O, E, D>
where
    M: TensorCollection<E, D> + Clone,
    O: Clone,
    E: Dtype,
    D: Device<E>,
{
    fn drop(&mut self) {
        // A method that can't go on where it was begins anew.
        let _ = self.restore();
    }
}
