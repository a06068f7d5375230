//! The memory of a gradient, which is what optimizers keep too, from and to the host.
//!
//! dfdx 0.13.0 reads and fills tensors, not such memory. To be read, it is passed off as the gradient of a tensor
//! (`Gradients::get`, `dfdx/src/tensor/gradients.rs`). It is filled with "random" numbers that are drawn from a list in
//! their order (`SampleTensor::try_fill_with_distr`, `dfdx/src/tensor/cpu/allocate.rs` and
//! `dfdx/src/tensor/cuda/allocate.rs`).
//!
//! Were they drawn in another order, an optimizer's state would come back from a checkpoint in disorder; the test
//! here would fail.

use std::cell::Cell;

use dfdx::{prelude::*, tensor::Gradients};
use rand::{Rng, distributions::Distribution};

/// The memory of a gradient on `D`.
pub(crate) type Buffer<E, D> = <D as Storage<E>>::Vec;

/// The elements of `buffer`, as they lie.
pub(crate) fn download<E: Dtype, D: Device<E>>(
    device: &D,
    buffer: &Buffer<E, D>,
) -> Result<Vec<E>, D::Err> {
    let len = Storage::<E>::len(device, buffer);
    if len == 0 {
        // dfdx reads no tensor without elements.
        return Ok(Vec::new());
    }
    let carrier: Tensor<(usize,), E, D> = device.try_zeros_like(&(len,))?;
    let mut gradients = Gradients::leaky();
    *gradients.get_or_alloc_mut(&carrier)? = buffer.clone();
    Ok(gradients.get(&carrier).as_vec())
}

/// A buffer with these elements.
pub(crate) fn upload<E: Dtype, D: Device<E>>(
    device: &D,
    values: &[E],
) -> Result<Buffer<E, D>, D::Err> {
    let mut buffer = Storage::<E>::try_alloc_len(device, values.len())?;
    let next = Cell::new(0);
    device.try_fill_with_distr(&mut buffer, Replay { values, next })?;
    Ok(buffer)
}

/// Draws nothing from the generator that it is handed.
struct Replay<'a, E> {
    values: &'a [E],
    next: Cell<usize>,
}

impl<E: Unit> Distribution<E> for Replay<'_, E> {
    fn sample<R: Rng + ?Sized>(&self, _: &mut R) -> E {
        let at = self.next.replace(self.next.get() + 1);
        self.values[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_up_comes_down() {
        let (dev, alone) = (Cpu::seed_from_u64(1), Cpu::seed_from_u64(1));
        for len in [0, 1, 1000] {
            let values: Vec<f64> = (0..len).map(f64::from).collect();
            let buffer = upload(&dev, &values).unwrap();
            assert_eq!(
                download(&dev, &buffer).unwrap(),
                values,
                "this dfdx fills memory in another order than it draws, or reads it otherwise"
            );
        }
        assert_eq!(dev.random_u64(), alone.random_u64());
    }
}
