//! The mean of a model's gradients over ranks: large ones where they are, small ones one after the other.

use std::{
    any::{Any, type_name},
    cell::RefCell,
};

use dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor::Gradients};

use super::{
    Number, World, WorldError,
    sum::{mean_in, mean_of_parts},
};
use crate::doors::{
    buffer::{Buffer, download, upload},
    walk::{Which, each},
};

/// From so many elements on a gradient is large.
const LARGE: usize = 1 << 15;

/// What comes of the means.
pub(super) struct Found {
    /// For each parameter, whether one of the ranks has a gradient of it.
    pub(super) has: Vec<bool>,
    /// Whether all means are finite.
    pub(super) is_finite: bool,
}

/// The gradients of `model` become their mean over the ranks. `has` is asked about those that are zero here.
pub(super) fn mean<M, E, D>(
    world: &(impl World + ?Sized),
    model: &M,
    gradients: &mut Gradients<E, D>,
    has: impl Fn() -> Result<Vec<bool>, D::Err>,
) -> Result<Found, WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    // Which it is, the compiler doesn't know here.
    let none: Vec<E> = Vec::new();
    let none: &dyn Any = &none;
    if none.is::<Vec<f32>>() {
        Flat::<f32>::kept(|flat| flat.mean(world, model, gradients, has))
    } else if none.is::<Vec<f64>>() {
        Flat::<f64>::kept(|flat| flat.mean(world, model, gradients, has))
    } else {
        Err(WorldError::Unsupported {
            dtype: type_name::<E>(),
        })
    }
}

thread_local! {
    /// Memory that the next step finds again, of each type.
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Default)]
struct Flat<T> {
    /// The small gradients, and what doesn't fill the equal parts of the large ones; behind them a number for each parameter, whether
    /// it has a gradient, and one that is finite if the large ones are.
    small: Vec<T>,
    /// What the other ranks send.
    received: Vec<T>,
}

impl<T: Number + Dtype> Flat<T> {
    /// With the memory of an earlier one.
    fn kept<R>(act: impl FnOnce(&mut Self) -> R) -> R {
        let kept = KEPT.with_borrow_mut(|kept| {
            let at = kept.iter().position(|flat| flat.is::<Self>())?;
            kept.swap_remove(at).downcast().ok()
        });
        let mut flat: Box<Self> = kept.unwrap_or_default();
        let result = act(&mut flat);
        KEPT.with_borrow_mut(|kept| kept.push(flat));
        result
    }

    fn mean<M, E, D>(
        &mut self,
        world: &(impl World + ?Sized),
        model: &M,
        gradients: &mut Gradients<E, D>,
        has: impl Fn() -> Result<Vec<bool>, D::Err>,
    ) -> Result<Found, WorldError>
    where
        M: TensorCollection<E, D>,
        E: Dtype,
        D: Device<E>,
    {
        let size = world.size();
        let weight = T::from(1.0 / size as f64).unwrap_or_else(T::one);
        let Self { small, received } = self;
        small.clear();
        let (mut zeros, mut is_finite, mut failure) = (Vec::new(), true, None);
        each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
            let device = tensor.device().clone();
            let gradient = tensor.gradient(gradients)?;
            let Some(values) = on_host::<T, E, D>(gradient) else {
                let values: Box<dyn Any> = Box::new(download(&device, gradient)?);
                let values: Vec<T> = values.downcast().map(|values| *values).unwrap_or_default();
                zeros.push(is_zero(&values));
                small.extend(values);
                return Ok(());
            };
            zeros.push(is_zero(values));
            let cut = in_place(values.len(), size);
            let (large, rest) = values.split_at_mut(cut);
            small.extend_from_slice(rest);
            if failure.is_none() {
                match mean_of_parts(world, large, received, weight) {
                    Ok(found) => is_finite &= found,
                    Err(error) => failure = Some(error),
                }
            }
            Ok(())
        })
        .map_err(WorldError::device)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let has = match zeros.contains(&true) {
            true => has().map_err(WorldError::device)?,
            false => Vec::new(),
        };
        let number = |is: bool| if is { T::one() } else { T::zero() };
        small.extend((0..zeros.len()).map(|at| number(!zeros[at] || has.get(at) != Some(&false))));
        small.push(if is_finite { T::zero() } else { T::nan() });
        mean_in(world, small, received, weight)?;

        let mut rest = &small[..];
        each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
            let device = tensor.device().clone();
            let gradient = tensor.gradient(gradients)?;
            let mut take = |len: usize| {
                let (mine, others) = rest.split_at(len);
                rest = others;
                mine
            };
            match on_host::<T, E, D>(gradient) {
                Some(values) => {
                    let len = values.len();
                    let values = &mut values[in_place(len, size)..];
                    values.copy_from_slice(take(values.len()));
                }
                None => {
                    let values: Box<dyn Any> =
                        Box::new(take(Storage::<E>::len(&device, gradient)).to_vec());
                    let values: Vec<E> =
                        values.downcast().map(|values| *values).unwrap_or_default();
                    *gradient = upload(&device, &values)?;
                }
            }
            Ok(())
        })
        .map_err(WorldError::device)?;
        let flags = &rest[..zeros.len()];
        Ok(Found {
            has: flags.iter().map(|flag| *flag != T::zero()).collect(),
            is_finite: small.iter().all(|x| x.is_finite()),
        })
    }
}

fn is_zero<T: Number>(values: &[T]) -> bool {
    values.iter().all(T::is_zero)
}

/// How many of the elements of a gradient are summed where they are.
fn in_place(len: usize, ranks: usize) -> usize {
    match len < LARGE {
        true => 0,
        false => len - len % ranks,
    }
}

/// The elements of a gradient of type `T`, where they are in the host's memory.
fn on_host<T: Dtype, E: Dtype, D: Device<E>>(gradient: &mut Buffer<E, D>) -> Option<&mut Vec<T>> {
    let gradient: &mut dyn Any = gradient;
    let gradient = gradient.downcast_mut::<<Cpu as Storage<T>>::Vec>()?;
    Some(&mut *gradient)
}
