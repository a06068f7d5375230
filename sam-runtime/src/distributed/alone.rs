use super::{World, WorldError};

/// A single rank: a program for several ranks as it is on one.
///
/// ```
/// use sam_runtime::distributed::{Alone, World, agree};
///
/// assert_eq!((Alone.rank(), Alone.size()), (0, 1));
/// assert!(agree(&Alone, true)?);
/// # Ok::<(), sam_runtime::distributed::WorldError>(())
/// ```
// No `Copy`: a program hands on clones of whatever `run` gives it, and that may be another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alone;

impl World for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_to_all(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        self.all_gather(send, receive)
    }

    fn all_gather(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        WorldError::check_lengths(receive.len(), send.len())?;
        receive.copy_from_slice(send);
        Ok(())
    }

    fn broadcast(&self, _: &mut [u8]) -> Result<(), WorldError> {
        Ok(())
    }
}
