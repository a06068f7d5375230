use super::{OnDevice, WorldError};

/// Ranks that work on the same thing, and what they say to each other. Each rank has a value of its own.
///
/// All ranks call the same methods in the same order, with as many bytes as is said. What a rank says comes to the others as it
/// is; so they must be machines of one byte order.
pub trait World {
    /// Which one this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are, at least one.
    fn size(&self) -> usize;

    /// `send` is cut into [`size`](Self::size) equal parts, and each rank gets the part of its number from every rank, in the
    /// order of the ranks. Both have the same length.
    ///
    /// # Errors
    /// See [`WorldError`].
    fn all_to_all(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError>;

    /// Each rank gets what every rank has sent, in the order of the ranks: `receive` is as long as all of it.
    ///
    /// # Errors
    /// See [`WorldError`].
    fn all_gather(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError>;

    /// `bytes` become those of rank 0.
    ///
    /// # Errors
    /// See [`WorldError`].
    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), WorldError>;

    /// For ranks that take the mean of gradients where these lie, on a GPU: the way to do so, which `NcclRank` has. A world around
    /// another one hands on what that one has.
    fn on_device(&self) -> Option<OnDevice<'_>> {
        None
    }
}

impl<W: World + ?Sized> World for &W {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn size(&self) -> usize {
        (**self).size()
    }

    fn all_to_all(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        (**self).all_to_all(send, receive)
    }

    fn all_gather(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        (**self).all_gather(send, receive)
    }

    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), WorldError> {
        (**self).broadcast(bytes)
    }

    fn on_device(&self) -> Option<OnDevice<'_>> {
        (**self).on_device()
    }
}
