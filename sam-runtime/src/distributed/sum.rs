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
pub fn sum<T: Number>(world: &impl World, values: &mut [T]) -> Result<(), WorldError> {
    let size = world.size();
    if size == 1 || values.is_empty() {
        return Ok(());
    }
    let part = values.len().div_ceil(size);
    let mut send = values.to_vec();
    send.resize(part * size, T::default());
    let mut parts = vec![T::default(); part * size];
    world.all_to_all(cast_slice(&send), cast_slice_mut(&mut parts))?;
    let mut sums = vec![T::default(); part];
    for of_rank in parts.chunks_exact(part) {
        for (sum, value) in sums.iter_mut().zip(of_rank) {
            *sum = *sum + *value;
        }
    }
    world.all_gather(cast_slice(&sums), cast_slice_mut(&mut send))?;
    values.copy_from_slice(&send[..values.len()]);
    Ok(())
}

/// Whether one of the ranks says so: to stop, say. The same on all of them.
///
/// # Errors
/// See [`WorldError`].
pub fn agree(world: &impl World, flag: bool) -> Result<bool, WorldError> {
    let mut all = vec![0; world.size()];
    world.all_gather(&[u8::from(flag)], &mut all)?;
    Ok(all.contains(&1))
}
