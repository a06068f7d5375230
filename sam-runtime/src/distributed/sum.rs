use bytemuck::{Pod, cast_slice, cast_slice_mut};
use num_traits::Float;

use super::{World, WorldError};

/// Numbers that ranks sum.
pub trait Number: Pod + Float {}

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
    mean_in(world, &mut all, &mut Vec::new(), T::one())?;
    values.copy_from_slice(&all);
    Ok(())
}

/// The sums of `values`, each times `weight`, in memory that is there: `received` is for what the other ranks send.
pub(super) fn mean_in<T: Number>(
    world: &(impl World + ?Sized),
    values: &mut Vec<T>,
    received: &mut Vec<T>,
    weight: T,
) -> Result<(), WorldError> {
    let (size, len) = (world.size(), values.len());
    values.resize(len.next_multiple_of(size), T::zero());
    mean_of_parts(world, values, received, weight)?;
    values.truncate(len);
    Ok(())
}

/// So many numbers of each rank are summed at a time: what is received and summed is then still in the cache when it is sent on.
const BLOCK: usize = 1 << 16;

/// The same of as many numbers as can be cut into equal parts. Whether the sums that this rank has made are finite.
pub(super) fn mean_of_parts<T: Number>(
    world: &(impl World + ?Sized),
    values: &mut [T],
    received: &mut Vec<T>,
    weight: T,
) -> Result<bool, WorldError> {
    let mut is_finite = true;
    for values in values.chunks_mut(BLOCK * world.size()) {
        is_finite &= mean_of_block(world, values, received, weight)?;
    }
    Ok(is_finite)
}

fn mean_of_block<T: Number>(
    world: &(impl World + ?Sized),
    values: &mut [T],
    received: &mut Vec<T>,
    weight: T,
) -> Result<bool, WorldError> {
    let part = values.len() / world.size();
    received.resize(values.len(), T::zero());
    world.all_to_all(cast_slice(values), cast_slice_mut(received))?;
    let (sums, others) = received.split_at_mut(part);
    // From zero on, so that the sum of -0.0 is what a gradient that begins with zeros has.
    sums.iter_mut()
        .for_each(|sum| *sum = T::zero() + *sum * weight);
    for of_rank in others.chunks_exact(part) {
        for (sum, value) in sums.iter_mut().zip(of_rank) {
            *sum = *sum + *value * weight;
        }
    }
    world.all_gather(cast_slice(sums), cast_slice_mut(values))?;
    // No early end: so it is one pass of wide instructions.
    Ok(sums.iter().fold(true, |all, sum| all & sum.is_finite()))
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
