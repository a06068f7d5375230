//! New values for a tensor, whichever way it lies in memory.
//!
//! dfdx 0.13.0 keeps the strides of a tensor to itself. Its `copy_from` fills memory as it lies, and `as_vec` reads
//! by the strides; the memory of a gradient is as large as its tensor's (`AllocGrad`; all in
//! `dfdx/src/tensor/storage_traits.rs`). So a numbering that is written tells where each element lies.
//!
//! Were one of these not so, a tensor would read otherwise than it was written: the tests here would fail.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{Gradients, Storage, Tensor},
    tensor_ops::Device,
};

/// Digits that every element type holds exactly.
const BASE: usize = 256;

/// Gives `t` the values `values`, in row-major order. It stays the same parameter to gradients and optimizers,
/// but where it is broadcast and the values differ along a broadcast axis, which its memory can't hold: then it
/// becomes a tensor with memory of its own.
///
/// # Panics
/// If there are more or fewer values than elements.
pub(crate) fn overwrite<S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
    values: &[E],
) -> Result<(), D::Err> {
    assert_eq!(values.len(), t.shape().num_elements());
    if values.is_empty() {
        return Ok(());
    }
    let stored = stored(t)?;
    // dfdx copies into memory as it lies, which is row by row as a rule.
    if stored == values.len() {
        t.copy_from(values);
        if same(&t.as_vec(), values) {
            return Ok(());
        }
    }
    match scattered(&places(t, stored), values, stored) {
        Some(memory) => t.copy_from(&memory),
        None => {
            *t = t
                .device()
                .try_tensor_from_vec(values.to_vec(), *t.shape())?
        }
    }
    Ok(())
}

/// How many elements the memory of `t` has.
fn stored<S: Shape, E: Dtype, D: Device<E>>(t: &Tensor<S, E, D>) -> Result<usize, D::Err> {
    let mut gradients = Gradients::leaky();
    gradients.try_alloc_for(t)?;
    let buffer = gradients.get_or_alloc_mut(t)?;
    Ok(Storage::<E>::len(t.device(), buffer))
}

/// Where in memory each element lies, in row-major order: read off numbers that are written there.
fn places<S: Shape, E: Dtype, D: Device<E>>(t: &mut Tensor<S, E, D>, stored: usize) -> Vec<usize> {
    let mut places = vec![0; t.shape().num_elements()];
    let mut unit = 1;
    while unit < stored {
        let digit = |place: usize| E::from_usize(place / unit % BASE).unwrap_or_default();
        t.copy_from(&(0..stored).map(digit).collect::<Vec<_>>());
        for (place, digit) in places.iter_mut().zip(t.as_vec()) {
            *place += unit * digit.to_usize().unwrap_or(0);
        }
        unit *= BASE;
    }
    places
}

/// The memory in which the elements have these values; `None` if two share a place and differ.
fn scattered<E: Dtype>(places: &[usize], values: &[E], stored: usize) -> Option<Vec<E>> {
    let mut memory: Vec<Option<E>> = vec![None; stored];
    for (&place, &value) in places.iter().zip(values) {
        match memory[place] {
            Some(known) if !same(&[known], &[value]) => return None,
            _ => memory[place] = Some(value),
        }
    }
    Some(memory.into_iter().map(Option::unwrap_or_default).collect())
}

fn same<E: Dtype>(a: &[E], b: &[E]) -> bool {
    let is_nan = |x: &E| x.to_f64().is_some_and(f64::is_nan);
    let is_same = |(a, b): (&E, &E)| a == b || (is_nan(a) && is_nan(b));
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    const DIFFERS: &str = "this dfdx's `copy_from` fills memory otherwise than as it lies, or gradients have \
                           another layout than their tensors";

    /// To tell later whether a tensor is the same parameter.
    fn known<S: Shape>(t: &Tensor<S, f32, Cpu>) -> Gradients<f32, Cpu> {
        let mut gradients = Gradients::leaky();
        gradients.try_alloc_for(t).unwrap();
        gradients
    }

    fn counted<E: Dtype>(len: usize) -> Vec<E> {
        (0..len)
            .map(|i| E::from_usize(i % 100).unwrap() + E::ONE)
            .collect()
    }

    #[test]
    fn a_permuted_tensor_has_the_values_in_its_own_order() {
        let dev = Cpu::default();
        let mut t: Tensor<Rank3<4, 2, 3>, f32, Cpu> =
            dev.zeros::<Rank3<2, 3, 4>>().permute::<_, Axes3<2, 0, 1>>();
        let gradients = known(&t);
        overwrite(&mut t, &counted(24)).unwrap();
        assert_eq!(t.as_vec(), counted::<f32>(24), "{DIFFERS}");
        assert_eq!(gradients.get(&t).shape(), t.shape());
    }

    #[test]
    fn a_permuted_tensor_of_more_places_than_a_digit_tells() {
        let dev = Cpu::default();
        let mut t: Tensor<Rank2<300, 301>, f64, Cpu> = dev.zeros::<Rank2<301, 300>>().permute();
        overwrite(&mut t, &counted(300 * 301)).unwrap();
        assert_eq!(t.as_vec(), counted::<f64>(300 * 301), "{DIFFERS}");
    }

    #[test]
    fn a_broadcast_tensor_keeps_its_memory_where_that_can_hold_the_values() {
        let dev = Cpu::default();
        let mut t: Tensor<Rank2<3, 2>, f32, Cpu> = dev.zeros::<Rank1<2>>().broadcast();
        let gradients = known(&t);
        overwrite(&mut t, &[1.0, f32::NAN, 1.0, f32::NAN, 1.0, f32::NAN]).unwrap();
        assert!(same(
            &t.as_vec(),
            &[1.0, f32::NAN, 1.0, f32::NAN, 1.0, f32::NAN]
        ));
        assert_eq!(gradients.get(&t).shape(), t.shape());
        overwrite(&mut t, &counted(6)).unwrap();
        assert_eq!(t.as_vec(), counted::<f32>(6));
    }

    #[test]
    fn a_tensor_without_elements_and_a_scalar() {
        let dev = Cpu::default();
        let mut none: Tensor<(usize, Const<3>), f32, Cpu> = dev.zeros_like(&(0, Const));
        overwrite(&mut none, &[]).unwrap();
        let mut one: Tensor<Rank0, f32, Cpu> = dev.zeros();
        overwrite(&mut one, &[2.0]).unwrap();
        assert_eq!(one.array(), 2.0);
    }
}
