//! A program on the ranks that a launcher has started.

use std::fmt::Display;

/// What [`run`] hands to a program: with the feature `mpi` its rank in MPI's world, without it a rank that is alone.
#[cfg(feature = "mpi")]
pub type Launched = super::MpiRank;
/// What [`run`] hands to a program: with the feature `mpi` its rank in MPI's world, without it a rank that is alone.
#[cfg(not(feature = "mpi"))]
pub type Launched = super::Alone;

/// Runs `program` as one of the ranks that `mpirun`, `mpiexec` or `srun` has started, with the feature `mpi`; without it, or
/// without a launcher, as the only one. To be called once, by `main`.
///
/// An error or a panic of one of several ranks is printed with the rank, and ends all of them (`MPI_Abort`): else they would
/// wait for ever. Rank 0 says on standard error how many ranks there are, with how many threads, and which of them are bound to
/// one core while others are idle.
///
/// ```
/// use sam_runtime::distributed::{World, WorldError, agree, run};
///
/// let first = run(|world| {
///     agree(&world, world.rank() == 0)
/// })?;
/// assert!(first);
/// # Ok::<(), WorldError>(())
/// ```
///
/// # Errors
/// That of `program`, where there is one rank.
///
/// # Panics
/// If MPI can't begin, or sees one rank where the launcher, that of another MPI library, has started several.
pub fn run<T, E: Display>(program: impl FnOnce(Launched) -> Result<T, E>) -> Result<T, E> {
    launched(program)
}

#[cfg(not(feature = "mpi"))]
fn launched<T, E>(program: impl FnOnce(Launched) -> Result<T, E>) -> Result<T, E> {
    program(super::Alone)
}

#[cfg(feature = "mpi")]
fn launched<T, E: Display>(program: impl FnOnce(Launched) -> Result<T, E>) -> Result<T, E> {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use ferrompi::{Mpi, ThreadLevel};

    use super::{MpiRank, World, machine};

    // Other threads compute, this one speaks.
    let mpi = match Mpi::init_thread(ThreadLevel::Funneled) {
        Ok(mpi) => mpi,
        Err(error) => panic!("MPI can't begin: {error}"),
    };
    let world = MpiRank::new(mpi.world());
    let (rank, size) = (world.rank(), world.size());
    match size {
        1 => assert_alone(),
        _ => machine::tell(&world),
    }
    let result = catch_unwind(AssertUnwindSafe(|| program(world.clone())));
    // To end MPI means to wait for all: not before it is known that this rank is done.
    match result {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) if size == 1 => Err(error),
        Ok(Err(error)) => {
            tell(&format!("rank {rank} of {size}: {error:#}"));
            world.abort()
        }
        Err(panic) if size == 1 => resume_unwind(panic),
        Err(_) => {
            tell(&format!("rank {rank} of {size} has panicked"));
            world.abort()
        }
    }
}

/// Writes a line to standard error in one piece: a launcher mixes the pieces that several ranks write.
#[cfg(feature = "mpi")]
fn tell(line: &str) {
    use std::io::{Write, stderr};

    // Where nobody listens, nobody is told.
    let _ = stderr().write_all(format!("{line}\n").as_bytes());
}

/// What launchers tell the ranks that they start: Open MPI's, MPICH's and its relatives', SLURM's.
#[cfg(feature = "mpi")]
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// Ranks that don't know of each other would all do the same, in the same folder.
#[cfg(feature = "mpi")]
fn assert_alone() {
    for name in SIZES {
        let size = std::env::var(name).ok().and_then(|size| size.parse().ok());
        let size: usize = size.unwrap_or(1);
        assert!(
            size <= 1,
            "the launcher has started {size} ranks ({name}), and this program's MPI library sees one: it was built with another \
             MPI library than the launcher's. Start it with that one's `mpirun`, or build it anew with `MPICC` as the launcher's \
             `mpicc`"
        );
    }
}
