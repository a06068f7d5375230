//! The sums that prove a file whole, and their computation piece by piece.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use md5::Md5;
use sha2::{Digest, Sha256};

/// A published sum over the bytes of a file.
///
/// Read from, and written as, hexadecimal digits: 32 are an MD5, 64 a SHA-256. MD5 tells a damaged
/// file; against a forged one only SHA-256 helps.
///
/// ```
/// use sam_runtime::data::download::Checksum;
///
/// let empty: Checksum = "d41d8cd98f00b204e9800998ecf8427e".parse()?;
/// assert!(matches!(empty, Checksum::Md5(_)));
/// assert_eq!(empty.to_string(), "md5:d41d8cd98f00b204e9800998ecf8427e");
/// # Ok::<(), sam_runtime::data::download::ChecksumError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Checksum {
    /// MD5.
    Md5([u8; 16]),
    /// SHA-256.
    Sha256([u8; 32]),
}

/// A text is no [`Checksum`].
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no checksum; give 32 hexadecimal digits for an MD5, or 64 for a SHA-256")]
pub struct ChecksumError {
    /// The text given.
    pub text: String,
}

crate::debug::debug_as_display!(ChecksumError);

impl Checksum {
    /// A SHA-256 in a table of this crate: a wrong digit does not compile.
    pub(super) const fn sha256(hex: &str) -> Self {
        match decode(hex.as_bytes()) {
            Some(bytes) => Self::Sha256(bytes),
            None => panic!("a SHA-256 has 64 hexadecimal digits"),
        }
    }
}

/// `N` bytes from `2 N` digits.
const fn decode<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    if hex.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        let (Some(high), Some(low)) = (digit(hex[2 * at]), digit(hex[2 * at + 1])) else {
            return None;
        };
        bytes[at] = high << 4 | low;
        at += 1;
    }
    Some(bytes)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    /// Digits of either case, with or without the `md5:` or `sha256:` that [`Display`](fmt::Display)
    /// writes.
    fn from_str(text: &str) -> Result<Self, ChecksumError> {
        let md5 = |hex: &str| decode(hex.as_bytes()).map(Self::Md5);
        let sha256 = |hex: &str| decode(hex.as_bytes()).map(Self::Sha256);
        let read = match text.split_once(':') {
            Some(("md5", hex)) => md5(hex),
            Some(("sha256", hex)) => sha256(hex),
            Some(_) => None,
            None => md5(text).or_else(|| sha256(text)),
        };
        read.ok_or_else(|| ChecksumError { text: text.into() })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = match self {
            Self::Md5(bytes) => ("md5", &bytes[..]),
            Self::Sha256(bytes) => ("sha256", &bytes[..]),
        };
        write!(f, "{name}:")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A sum in the making, of the same kind as the one it will be held against.
#[derive(Clone)]
pub(super) enum Summing {
    Md5(Md5),
    Sha256(Sha256),
}

impl Summing {
    pub(super) fn like(checksum: &Checksum) -> Self {
        match checksum {
            Checksum::Md5(_) => Self::Md5(Md5::new()),
            Checksum::Sha256(_) => Self::Sha256(Sha256::new()),
        }
    }

    pub(super) fn sha256() -> Self {
        Self::Sha256(Sha256::new())
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(md5) => md5.update(bytes),
            Self::Sha256(sha256) => sha256.update(bytes),
        }
    }

    /// Adds all that `from` still has.
    pub(super) fn add_all(&mut self, mut from: impl Read) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => self.add(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The sum of what was added so far.
    pub(super) fn sum(&self) -> Checksum {
        match self.clone() {
            Self::Md5(md5) => Checksum::Md5(md5.finalize().into()),
            Self::Sha256(sha256) => Checksum::Sha256(sha256.finalize().into()),
        }
    }
}

/// Whether `path` is a file of `bytes` bytes with this sum. The sum is only computed where the size is
/// right.
pub(super) fn is_whole(path: &Path, bytes: u64, checksum: &Checksum) -> io::Result<bool> {
    if !has_size(path, bytes) {
        return Ok(false);
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    let mut summing = Summing::like(checksum);
    summing.add_all(file.take(bytes + 1))?;
    Ok(summing.sum() == *checksum)
}

/// Whether `path` is a file of `bytes` bytes.
pub(super) fn has_size(path: &Path, bytes: u64) -> bool {
    let found = fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.len() == bytes)
}
