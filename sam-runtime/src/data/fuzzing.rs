//! Ways in for the fuzz targets: what the readers do with a file's bytes. No part of the interface.

use super::{DataError, MatProblem, cifar, svhn};
#[cfg(feature = "image")]
use super::{FolderProblem, folder};

/// Pixels and labels, image by image.
pub type Parsed = (Vec<u8>, Vec<usize>);

/// A file of CIFAR-10.
///
/// # Errors
/// As [`Cifar10::train`](super::Cifar10::train).
pub fn cifar10(bytes: &[u8]) -> Result<Parsed, DataError> {
    cifar::CIFAR10.parse("bytes".as_ref(), bytes)
}

/// A file of CIFAR-100, with the fine labels.
///
/// # Errors
/// As [`Cifar100::train`](super::Cifar100::train).
pub fn cifar100(bytes: &[u8]) -> Result<Parsed, DataError> {
    cifar::CIFAR100_FINE.parse("bytes".as_ref(), bytes)
}

/// A file of SVHN.
///
/// # Errors
/// A [`MatProblem`].
pub fn svhn(bytes: &[u8]) -> Result<Parsed, MatProblem> {
    svhn::parse(bytes, svhn::EXTRA)
}

/// The file of a picture, turned as it asks for: rows and columns, and the bytes of 1 or 3 channels.
///
/// # Errors
/// A [`FolderProblem`]. A decoder's panic is passed on.
#[cfg(feature = "image")]
pub fn picture(bytes: &[u8], channels: usize) -> Result<([usize; 2], Vec<u8>), FolderProblem> {
    let picture = folder::picture(bytes, channels, true)?;
    Ok(([picture.height, picture.width], picture.bytes))
}
