//! What the ranks of a job run on.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    num::NonZero,
    thread::available_parallelism,
};

use super::{World, WorldError};

/// Of one rank: a number for its machine, its threads, the cores that it may use, and those that the machine has.
type Seat = [u64; 4];

/// Has rank 0 say how many ranks there are, and which are bound to too little.
pub(super) fn tell(world: &impl World) {
    let own = seat();
    let said: Vec<u8> = own.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut all = vec![0; said.len() * world.size()];
    // Where that fails, the program will say so.
    if world.all_gather(&said, &mut all).is_err() || world.rank() > 0 {
        return;
    }
    let (numbers, _) = all.as_chunks();
    let numbers: Vec<u64> = numbers.iter().map(|x| u64::from_le_bytes(*x)).collect();
    let (seats, _) = numbers.as_chunks();
    for line in lines(seats) {
        eprintln!("{line}");
    }
}

/// Which one of the ranks on its machine this is, from 0: the number of its GPU. Machines are told apart by their names.
///
/// ```
/// use sam_runtime::distributed::{Threads, WorldError, local_rank};
///
/// let found = Threads::run(3, |world| local_rank(&world));
/// assert_eq!(found.unwrap(), [0, 1, 2]);
/// ```
///
/// # Errors
/// See [`WorldError`].
pub fn local_rank(world: &(impl World + ?Sized)) -> Result<usize, WorldError> {
    let mut all = vec![0; 8 * world.size()];
    world.all_gather(&machine().to_le_bytes(), &mut all)?;
    let (machines, _) = all.as_chunks::<8>();
    let (before, rest) = machines.split_at(world.rank());
    Ok(before.iter().filter(|other| **other == rest[0]).count())
}

/// A number for this machine.
fn machine() -> u64 {
    let mut hash = DefaultHasher::new();
    fs::read_to_string("/proc/sys/kernel/hostname")
        .unwrap_or_default()
        .hash(&mut hash);
    hash.finish()
}

fn seat() -> Seat {
    let usable = available_parallelism().map_or(1, NonZero::get);
    let there = fs::read_to_string("/sys/devices/system/cpu/online");
    let there = there.ok().and_then(|list| cores(list.trim()));
    [
        machine(),
        rayon::current_num_threads() as u64,
        usable as u64,
        there.unwrap_or(usable) as u64,
    ]
}

/// How many there are in a list such as `0-3,8`.
fn cores(list: &str) -> Option<usize> {
    list.split(',').try_fold(0, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [first, last] = [first, last].map(|at| at.parse::<usize>().ok());
        Some(sum + last?.checked_sub(first?)? + 1)
    })
}

fn lines(seats: &[Seat]) -> Vec<String> {
    let threads = seats.iter().map(|seat| seat[1]);
    let [least, most] = [threads.clone().min(), threads.max()].map(Option::unwrap_or_default);
    let threads = match least == most {
        true => least.to_string(),
        false => format!("{least} to {most}"),
    };
    let mut lines = vec![format!("{} ranks x {threads} threads", seats.len())];
    for (rank, seat) in seats.iter().enumerate() {
        let [machine, _, usable, there] = *seat;
        let beside = seats.iter().filter(|seat| seat[0] == machine).count() as u64;
        if usable == 1 && beside < there {
            lines.push(format!(
                "rank {rank} may use 1 of {there} cores, which {beside} of the ranks share: let the launcher bind it to more, \
                 as `mpirun --bind-to none` or `--map-by slot:PE={}` does",
                there / beside.max(1)
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted() {
        let counts = ["0", "0-3", "0-3,8,10-11", "", "4-2"].map(cores);
        assert_eq!(counts, [Some(1), Some(4), Some(7), None, None]);
    }

    #[test]
    fn a_rank_that_is_bound_to_one_core_of_many_is_told() {
        // Two on a machine of eight cores, one of them bound; and two that have a core each.
        let seats = [[1, 4, 4, 8], [1, 1, 1, 8], [2, 1, 1, 2], [2, 1, 1, 2]];
        let lines = lines(&seats);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], "4 ranks x 1 to 4 threads");
        assert!(
            lines[1].starts_with("rank 1 may use 1 of 8 cores"),
            "{}",
            lines[1]
        );
        assert!(lines[1].contains("PE=4"));
    }
}
