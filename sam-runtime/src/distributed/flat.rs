//! The gradients of a model, one after the other in memory, and their mean over ranks.

use std::{
    any::{Any, type_name},
    cell::RefCell,
};

use dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor::Gradients};

use super::{Number, World, WorldError, sum::sum_in};
use crate::{
    device::vectors::on_host,
    doors::{
        buffer::{download, upload},
        walk::{Which, each},
    },
};

thread_local! {
    /// Memory that the next step finds again, of each type.
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// All gradients of a model, and behind them a number for each parameter: whether it has one.
#[derive(Default)]
pub(super) struct Flat<E> {
    values: Vec<E>,
    /// What the other ranks send.
    received: Vec<E>,
}

impl<E: Dtype> Flat<E> {
    /// With the memory of an earlier one.
    pub(super) fn new() -> Self {
        let kept = KEPT.with_borrow_mut(|kept| {
            let at = kept.iter().position(|flat| flat.is::<Self>())?;
            kept.swap_remove(at).downcast().ok()
        });
        kept.map_or_else(Self::default, |flat: Box<Self>| *flat)
    }

    /// Keeps the memory.
    pub(super) fn keep(self) {
        KEPT.with_borrow_mut(|kept| kept.push(Box::new(self)));
    }

    /// Takes the gradients, each times `weight`; `has` is asked about those that are zero.
    pub(super) fn read<M, D>(
        &mut self,
        model: &M,
        gradients: &mut Gradients<E, D>,
        weight: E,
        has: impl Fn() -> Result<Vec<bool>, D::Err>,
    ) -> Result<(), WorldError>
    where
        M: TensorCollection<E, D>,
        D: Device<E>,
    {
        let values = &mut self.values;
        values.clear();
        let mut zeros = Vec::new();
        each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
            let device = tensor.device().clone();
            let gradient = tensor.gradient(gradients)?;
            let begin = values.len();
            match on_host::<E, D>(gradient) {
                Some(gradient) => values.extend(gradient.iter().map(|g| *g * weight)),
                None => values.extend(download(&device, gradient)?.into_iter().map(|g| g * weight)),
            }
            zeros.push(values[begin..].iter().all(|x| *x == E::default()));
            Ok(())
        })
        .map_err(WorldError::device)?;
        let has = match zeros.contains(&true) {
            true => has().map_err(WorldError::device)?,
            false => Vec::new(),
        };
        let is_there = |at: usize| !zeros[at] || has.get(at) != Some(&false);
        let flags = (0..zeros.len()).map(|at| match is_there(at) {
            true => E::ONE,
            false => E::default(),
        });
        values.extend(flags);
        Ok(())
    }

    /// They become their sums over the ranks. Whether all are finite.
    pub(super) fn sum(&mut self, world: &(impl World + ?Sized)) -> Result<bool, WorldError> {
        self.sum_as::<f32>(world)
            .or_else(|| self.sum_as::<f64>(world))
            .unwrap_or(Err(WorldError::Unsupported {
                dtype: type_name::<E>(),
            }))
    }

    /// The same, if `E` is `T`.
    fn sum_as<T: Number + Into<f64>>(
        &mut self,
        world: &(impl World + ?Sized),
    ) -> Option<Result<bool, WorldError>> {
        let values: &mut dyn Any = &mut self.values;
        let received: &mut dyn Any = &mut self.received;
        let (values, received) = (values.downcast_mut::<Vec<T>>()?, received.downcast_mut()?);
        let sum = sum_in(world, values, received);
        let is_finite = |x: &T| -> bool { (*x).into().is_finite() };
        Some(sum.map(|()| values.iter().all(is_finite)))
    }

    /// Puts them back. Which parameters have a gradient on one of the ranks.
    pub(super) fn write<M, D>(
        &self,
        model: &M,
        gradients: &mut Gradients<E, D>,
    ) -> Result<Vec<bool>, WorldError>
    where
        M: TensorCollection<E, D>,
        D: Device<E>,
    {
        let mut rest = &self.values[..];
        each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
            let device = tensor.device().clone();
            let gradient = tensor.gradient(gradients)?;
            let (mine, others) = rest.split_at(Storage::<E>::len(&device, gradient));
            rest = others;
            match on_host::<E, D>(gradient) {
                Some(gradient) => gradient.copy_from_slice(mine),
                None => *gradient = upload(&device, mine)?,
            }
            Ok(())
        })
        .map_err(WorldError::device)?;
        Ok(rest.iter().map(|flag| *flag != E::default()).collect())
    }
}
