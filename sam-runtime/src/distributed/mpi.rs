//! MPI, by the library that the machine has.

use std::{fmt, sync::Arc};

use ferrompi::{Communicator, Error};

use super::{World, WorldError};

/// One of the ranks that `mpirun`, `mpiexec` or `srun` has started: `MPI_COMM_WORLD`. [`run`](super::run) makes it.
#[derive(Clone)]
pub struct MpiRank(Arc<Communicator>);

impl MpiRank {
    pub(super) fn new(world: Communicator) -> Self {
        Self(Arc::new(world))
    }

    /// Ends all ranks.
    pub(super) fn abort(&self) -> ! {
        self.0.abort(1)
    }
}

impl fmt::Debug for MpiRank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.size())
    }
}

/// MPI itself mostly ends the job instead.
fn failed(error: Error) -> WorldError {
    WorldError::Library(error.to_string())
}

impl World for MpiRank {
    fn rank(&self) -> usize {
        self.0.rank().unsigned_abs() as usize
    }

    fn size(&self) -> usize {
        self.0.size().unsigned_abs() as usize
    }

    fn all_to_all(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        WorldError::check_lengths(receive.len(), send.len())?;
        self.0.alltoall(send, receive).map_err(failed)
    }

    fn all_gather(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        WorldError::check_lengths(receive.len(), send.len() * self.size())?;
        self.0.allgather(send, receive).map_err(failed)
    }

    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), WorldError> {
        self.0.broadcast(bytes, 0).map_err(failed)
    }
}
