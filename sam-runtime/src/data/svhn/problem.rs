//! What can be wrong with the bytes of a MAT file.

use std::io;

/// Why a MAT file can't be read as SVHN's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatProblem {
    /// The file doesn't begin with the header of MATLAB's version 5 format, little-endian.
    #[error(
        "not a little-endian MAT file of version 5; take the `*_32x32.mat` files of SVHN's format 2, \
         and download them again if they are"
    )]
    Header,
    /// The file ends inside an element.
    #[error("it ends inside an element; it is truncated, so download it again")]
    Truncated,
    /// An element isn't built as the format says.
    #[error("{what} doesn't follow the format; it is damaged, so download it again")]
    Malformed {
        /// Which part of which element.
        what: &'static str,
    },
    /// An array isn't there.
    #[error("it holds no array `{name}`; take the `*_32x32.mat` files of SVHN's format 2")]
    NoArray {
        /// The array's name.
        name: &'static str,
    },
    /// An array has the wrong axes.
    #[error(
        "its array `{name}` is {dims:?} large, but {expected} is needed; is it SVHN's format 2?"
    )]
    Dims {
        /// The array's name.
        name: &'static str,
        /// Its axes.
        dims: Vec<usize>,
        /// What they should be.
        expected: &'static str,
    },
    /// An array's numbers aren't stored as a supported type.
    #[error(
        "its array `{name}` is stored as type {stored}, which isn't supported; convert the file"
    )]
    Stored {
        /// The array's name.
        name: &'static str,
        /// The type's number in the format.
        stored: u32,
    },
    /// An array promises more bytes than the whole set has.
    #[error(
        "an array of {dims:?} takes more than the {limit} bytes that all of SVHN's does; \
         it is damaged, or no file of SVHN's, so download it again"
    )]
    TooLarge {
        /// Its axes.
        dims: Vec<usize>,
        /// Bytes that it may take.
        limit: usize,
    },
    /// There are more or fewer labels than images.
    #[error("it has {images} images, but {labels} labels; it is damaged, so download it again")]
    Counts {
        /// Images in `X`.
        images: usize,
        /// Labels in `y`.
        labels: usize,
    },
    /// A label isn't one of SVHN's.
    #[error(
        "label {label} at index {index} is none of 1 to 10 (10 is the digit 0); repair the file"
    )]
    Label {
        /// Position of the first such label.
        index: usize,
        /// The label.
        label: f64,
    },
    /// The bytes can't be read or unzipped.
    #[error("can't read or unzip it ({0}); it may be truncated or damaged, so download it again")]
    Read(io::Error),
}

impl From<io::Error> for MatProblem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Read(error),
        }
    }
}
