use std::ops::Add;

use bytemuck::{Pod, cast_slice, cast_slice_mut};

use super::{World, WorldError};

/// Numbers that ranks sum.
pub trait Number: Pod + Add<Output = Self> + Default {}

impl Number for f32 {}
impl Number for f64 {}

/// `values` become their sums over the ranks, added in the order of the ranks: `((0 + v_0) + v_1) + ..`. The same bits on all ranks,
/// and from run to run. What is NaN or infinite on one rank is so on all.
///
/// Each rank sums one part of them (all-to-all), and gets the sums of the others (all-gather): twice the bytes of `values` leave and
/// reach a rank, however many there are.
///
/// # Errors
/// See [`WorldError`].
///
/// ```
/// use sam_runtime::distributed::{Threads, World, WorldError, sum};
///
/// let found = Threads::run(3, |world| {
///     let mut values = [world.rank() as f64, 1.0];
///     sum(&world, &mut values)?;
///     Ok::<_, WorldError>(values)
/// });
/// assert_eq!(found.unwrap(), [[3.0, 3.0]; 3]);
/// ```
pub fn sum<T: Number>(world: &(impl World + ?Sized), values: &mut [T]) -> Result<(), WorldError> {
    if world.size() == 1 {
        return Ok(());
    }
    let mut all = values.to_vec();
    sum_in(world, &mut all, &mut Vec::new())?;
    values.copy_from_slice(&all);
    Ok(())
}

/// The same in memory that is there: `received` is for what the other ranks send.
pub(super) fn sum_in<T: Number>(
    world: &(impl World + ?Sized),
    values: &mut Vec<T>,
    received: &mut Vec<T>,
) -> Result<(), WorldError> {
    let (size, len) = (world.size(), values.len());
    if size == 1 || len == 0 {
        return Ok(());
    }
    let part = len.div_ceil(size);
    values.resize(part * size, T::default());
    received.resize(part * size, T::default());
    world.all_to_all(cast_slice(values), cast_slice_mut(received))?;
    let (sums, others) = received.split_at_mut(part);
    // From zero on, so that the sum of -0.0 is what a gradient that begins with zeros has.
    sums.iter_mut().for_each(|sum| *sum = T::default() + *sum);
    for of_rank in others.chunks_exact(part) {
        for (sum, value) in sums.iter_mut().zip(of_rank) {
            *sum = *sum + *value;
        }
    }
    world.all_gather(cast_slice(sums), cast_slice_mut(values))?;
    values.truncate(len);
    Ok(())
}

/// Whether one of the ranks says so: to stop, say. The same on all of them.
///
/// # Errors
/// See [`WorldError`].
pub fn agree(world: &(impl World + ?Sized), flag: bool) -> Result<bool, WorldError> {
    let mut all = vec![0; world.size()];
    world.all_gather(&[u8::from(flag)], &mut all)?;
    Ok(all.contains(&1))
}
