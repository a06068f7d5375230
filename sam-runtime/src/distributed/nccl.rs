//! NCCL, by the library that the machine has.

use std::{any::Any, fmt, sync::Arc};

use dfdx::tensor::Cuda;

use super::{
    OnDevice, Rendezvous, World, WorldError,
    on_device::{DeviceMean, Floats},
};
use crate::device::{
    nccl::{Communicator, ID, new_id},
    vectors::DeviceRange,
};

/// One of several ranks that each have a GPU of their own, and speak by NCCL.
///
/// The mean of gradients is taken where they lie, on dfdx's stream: the host queues it and goes on. What else ranks say to each
/// other goes through the GPU's memory, and the host waits for it: the word at the end of each of SAM's steps, too.
///
/// The sums have NCCL's order, not that of the ranks, so that several ranks have the weights of one process but for rounding. NCCL
/// promises all ranks identical copies; [`check`](super::check) looks whether they have them.
///
/// Clones are the same rank. The last one of them that is dropped waits for what this rank has queued, but not for the other ranks.
#[derive(Clone)]
pub struct NcclRank(Arc<Communicator>);

impl NcclRank {
    /// The rank that this one is in `world`, on `device`: ranks that can speak already get a faster way.
    ///
    /// ```no_run
    /// use sam_runtime::{
    ///     dfdx::tensor::Cuda,
    ///     distributed::{NcclRank, World, WorldError, local_rank, run},
    /// };
    ///
    /// // With the feature `mpi`: `mpirun -n 8 ./train`.
    /// run(|mpi| {
    ///     let dev = Cuda::try_build(local_rank(&mpi)?, 0).expect("a GPU for each rank");
    ///     let world = NcclRank::new(&mpi, &dev)?;
    ///     println!("rank {} of {}", world.rank(), world.size());
    ///     Ok::<_, WorldError>(())
    /// })?;
    /// # Ok::<(), WorldError>(())
    /// ```
    ///
    /// # Errors
    /// [`WorldError::Library`] with what NCCL says, and those of `world`.
    pub fn new(world: &(impl World + ?Sized), device: &Cuda) -> Result<Self, WorldError> {
        let share = |bytes: &mut [u8]| world.broadcast(bytes);
        Self::with(world.rank(), world.size(), device, share)
    }

    /// The rank that `place` says, on `device`: for processes that `torchrun` has started, or a script that sets its variables.
    ///
    /// ```no_run
    /// use sam_runtime::{
    ///     dfdx::tensor::Cuda,
    ///     distributed::{NcclRank, Rendezvous},
    /// };
    ///
    /// // `torchrun --nproc-per-node 8 --no-python ./train`
    /// let place = Rendezvous::from_env()?;
    /// let dev = Cuda::try_build(place.local_rank, 0).expect("a GPU for each rank");
    /// let world = NcclRank::meet(&place, &dev)?;
    /// # Ok::<(), sam_runtime::distributed::WorldError>(())
    /// ```
    ///
    /// # Errors
    /// [`WorldError::NotMet`], and [`WorldError::Library`] with what NCCL says.
    pub fn meet(place: &Rendezvous, device: &Cuda) -> Result<Self, WorldError> {
        Self::with(place.rank, place.size, device, |bytes| place.share(bytes))
    }

    fn with(
        rank: usize,
        size: usize,
        device: &Cuda,
        share: impl FnOnce(&mut [u8]) -> Result<(), WorldError>,
    ) -> Result<Self, WorldError> {
        // Before them a byte: whether there is an id. Who waits for one must hear that there is none.
        let mut said = [0; 1 + ID];
        let mut failed = "rank 0 has got no id from NCCL".to_owned();
        if rank == 0 {
            match new_id() {
                Ok(id) => {
                    said[0] = 1;
                    said[1..].copy_from_slice(&id);
                }
                Err(error) => failed = error,
            }
        }
        share(&mut said)?;
        let [1, id @ ..] = said else {
            return Err(WorldError::Library(failed));
        };
        let communicator = Communicator::new(device, rank, size, id);
        Ok(Self(Arc::new(communicator.map_err(WorldError::Library)?)))
    }
}

impl fmt::Debug for NcclRank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.size())
    }
}

impl World for NcclRank {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn all_to_all(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        WorldError::check_lengths(receive.len(), send.len())?;
        WorldError::check_lengths(send.len() / self.size() * self.size(), send.len())?;
        let sent = self.0.all_to_all(send, receive);
        sent.map_err(WorldError::Library)
    }

    fn all_gather(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        WorldError::check_lengths(receive.len(), send.len() * self.size())?;
        let sent = self.0.all_gather(send, receive);
        sent.map_err(WorldError::Library)
    }

    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), WorldError> {
        self.0.broadcast(bytes).map_err(WorldError::Library)
    }

    fn on_device(&self) -> Option<OnDevice<'_>> {
        Some(OnDevice(&*self.0))
    }
}

impl DeviceMean for Communicator {
    fn is_on(&self, device: &dyn Any) -> bool {
        let device = device.downcast_ref::<Cuda>();
        device.is_some_and(|device| self.is_of(device))
    }

    fn mean(
        &self,
        floats: Floats,
        ranges: &[DeviceRange],
        has: &mut [bool],
    ) -> Result<(), WorldError> {
        let queued = match floats {
            Floats::F32 => self.mean::<f32>(ranges, has),
            Floats::F64 => self.mean::<f64>(ranges, has),
        };
        queued.map_err(WorldError::Library)
    }

    fn settle(&self) -> Result<(), WorldError> {
        self.wait().map_err(WorldError::Library)
    }
}
