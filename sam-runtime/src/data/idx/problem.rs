//! What can be wrong with an IDX file.

use std::io;

/// What is wrong with the bytes of an IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxProblem {
    /// The file doesn't begin with two zero bytes.
    #[error(
        "not an IDX file: it begins with bytes {found:02x?} instead of 00 00; \
         perhaps a web page was saved in its place, so download it again"
    )]
    Magic {
        /// The first two bytes.
        found: [u8; 2],
    },
    /// The elements aren't unsigned bytes.
    #[error(
        "its elements are of type {found:#04x}, but only unsigned bytes (0x08) are supported; convert the file"
    )]
    ElementType {
        /// The type byte.
        found: u8,
    },
    /// The file ends inside the header.
    #[error("it ends inside the header; it is truncated, so download it again")]
    Header,
    /// The header promises more elements than any supported file has.
    #[error(
        "its header says {axes:?}, more than the {limit} elements supported; \
         the header is damaged, so download the file again"
    )]
    TooLarge {
        /// The axes' sizes in the header.
        axes: Vec<u32>,
        /// The largest number of elements supported.
        limit: usize,
    },
    /// The file ends before the last element.
    #[error(
        "its header says {expected} elements, but only {found} follow; it is truncated, so download it again"
    )]
    Truncated {
        /// Elements according to the header.
        expected: usize,
        /// Elements found.
        found: usize,
    },
    /// There are bytes after the last element.
    #[error(
        "bytes follow the {expected} elements that its header says; it is damaged, so download it again"
    )]
    Trailing {
        /// Elements according to the header.
        expected: usize,
    },
    /// The bytes can't be read or unzipped.
    #[error("can't read or unzip it ({0}); it may be truncated or damaged, so download it again")]
    Read(io::Error),
}
