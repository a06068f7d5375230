//! Ways in for the fuzz targets: what the readers do with a file's bytes. No part of the interface.

use super::{DataError, MatProblem, cifar, svhn};

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
