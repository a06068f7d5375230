//! MATLAB's version 5 MAT format, as far as arrays of numbers need it.
//!
//! A 128-byte header, then elements: an 8-byte tag (type and size, little-endian `u32`) and as many
//! bytes. An array is an element of elements (flags, axes, name, numbers), usually zipped whole into
//! another element. Numbers are column-major and may be stored in a smaller type than the array's.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;

use super::MatProblem;

/// Far more than an array's axes or name take.
const MAX_PART: u32 = 4096;

const INT32: u32 = 5;
const UINT32: u32 = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
pub(super) const UINT8: u32 = 2;

/// An array as the file stores it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    /// The number of the type in which the numbers are stored.
    pub(super) stored: u32,
    /// The numbers' bytes, column-major; as many as `dims` and `stored` ask for.
    pub(super) bytes: Vec<u8>,
}

impl Array {
    /// The numbers, from whatever type they are stored in; `None` for one that isn't a number's.
    pub(super) fn numbers(&self) -> Option<Vec<f64>> {
        macro_rules! read {
            ($($kind:literal => $T:ty),*) => {
                match self.stored {
                    $($kind => Some(
                        self.bytes
                            .chunks_exact(size_of::<$T>())
                            .map(|chunk| {
                                let mut bytes = [0; size_of::<$T>()];
                                bytes.copy_from_slice(chunk);
                                <$T>::from_le_bytes(bytes) as f64
                            })
                            .collect(),
                    ),)*
                    _ => None,
                }
            };
        }
        read!(1 => i8, 2 => u8, 3 => i16, 4 => u16, 5 => i32, 6 => u32, 7 => f32, 9 => f64,
              12 => i64, 13 => u64)
    }
}

/// The bytes that a stored number takes.
fn number_size(stored: u32) -> Option<usize> {
    match stored {
        1 | 2 => Some(1),
        3 | 4 => Some(2),
        5..=7 => Some(4),
        9 | 12 | 13 => Some(8),
        _ => None,
    }
}

/// An array that is asked for: its name, and how many bytes it may take. A zipped file of a few megabytes can
/// hold gigabytes.
pub(super) type Wanted = (&'static str, usize);

/// The `wanted` arrays, in the order of the file.
///
/// Memory grows with the bytes that are really there, whatever the tags promise; other arrays, and a second one of
/// a name, are read past, but not kept.
///
/// # Errors
/// Any [`MatProblem`] about the format; that a wanted array is missing is the caller's to see.
pub(super) fn read(mut file: impl Read, wanted: &[Wanted]) -> Result<Vec<Array>, MatProblem> {
    let mut header = [0; 128];
    file.read_exact(&mut header)
        .map_err(|error| match MatProblem::from(error) {
            MatProblem::Truncated => MatProblem::Header,
            other => other,
        })?;
    if header[124..] != [0x00, 0x01, b'I', b'M'] {
        return Err(MatProblem::Header);
    }
    let mut arrays: Vec<Array> = Vec::new();
    while let Some(tag) = Tag::next(&mut file)? {
        let mut element = tag.body(&mut file);
        let missing = |(name, _): &&Wanted| arrays.iter().all(|array| array.name != *name);
        let missing: Vec<Wanted> = wanted.iter().filter(missing).copied().collect();
        let array = match tag.kind {
            COMPRESSED => unzip(&mut element, &missing)?,
            MATRIX => matrix(&mut element, &missing)?,
            _ => None,
        };
        arrays.extend(array);
        skip(element)?;
        // Only zipped elements aren't padded.
        if tag.kind != COMPRESSED {
            tag.skip_padding(&mut file)?;
        }
    }
    Ok(arrays)
}

fn unzip(zipped: &mut impl Read, wanted: &[Wanted]) -> Result<Option<Array>, MatProblem> {
    let mut plain = ZlibDecoder::new(zipped);
    let tag = Tag::next(&mut plain)?.ok_or(MatProblem::Truncated)?;
    let array = match tag.kind {
        MATRIX => {
            let mut element = tag.body(&mut plain);
            let array = matrix(&mut element, wanted)?;
            skip(element)?;
            array
        }
        _ => None,
    };
    // Reading to the end makes the decoder check its checksum.
    io::copy(&mut plain, &mut io::sink())?;
    Ok(array)
}

/// The array in the body of a matrix element, if it is one that is wanted.
fn matrix(body: &mut impl Read, wanted: &[Wanted]) -> Result<Option<Array>, MatProblem> {
    let malformed = |what| MatProblem::Malformed { what };
    let (kind, flags) = part(body)?;
    if kind != UINT32 || flags.len() != 8 {
        return Err(malformed("an array's flags"));
    }
    let (kind, axes) = part(body)?;
    if kind != INT32 || axes.is_empty() || !axes.len().is_multiple_of(4) {
        return Err(malformed("an array's axes"));
    }
    let dims: Option<Vec<usize>> = axes
        .chunks_exact(4)
        .map(|axis| usize::try_from(i32::from_le_bytes([axis[0], axis[1], axis[2], axis[3]])).ok())
        .collect();
    let dims = dims.ok_or_else(|| malformed("an array's axes"))?;
    let (_, name) = part(body)?;
    let name = String::from_utf8_lossy(&name).into_owned();
    let Some(&(_, limit)) = wanted.iter().find(|(wanted, _)| *wanted == name) else {
        return Ok(None);
    };

    let tag = Tag::next(body)?.ok_or(MatProblem::Truncated)?;
    let size = number_size(tag.kind).ok_or_else(|| malformed("the type of an array's numbers"))?;
    let bytes = dims
        .iter()
        .try_fold(size, |product, &axis| product.checked_mul(axis))
        .filter(|&bytes| bytes <= limit)
        .ok_or_else(|| MatProblem::TooLarge {
            dims: dims.clone(),
            limit,
        })?;
    if bytes != tag.len as usize {
        return Err(malformed("the size of an array's numbers"));
    }
    Ok(Some(Array {
        name,
        dims,
        stored: tag.kind,
        bytes: tag.bytes(body)?,
    }))
}

/// A short element within an array: its type and bytes.
fn part(body: &mut impl Read) -> Result<(u32, Vec<u8>), MatProblem> {
    let tag = Tag::next(body)?.ok_or(MatProblem::Truncated)?;
    if tag.len > MAX_PART {
        return Err(MatProblem::Malformed {
            what: "the size of an array's axes or name",
        });
    }
    let bytes = tag.bytes(body)?;
    tag.skip_padding(body)?;
    Ok((tag.kind, bytes))
}

/// What an element begins with.
struct Tag {
    kind: u32,
    /// Bytes that follow; within the tag itself for a small element.
    len: u32,
    small: Option<[u8; 4]>,
}

impl Tag {
    /// The next tag; `None` where the bytes end before it.
    fn next(bytes: &mut impl Read) -> Result<Option<Self>, MatProblem> {
        let mut found = Vec::with_capacity(8);
        bytes.by_ref().take(8).read_to_end(&mut found)?;
        let [a, b, c, d, rest @ ..] = found.as_slice() else {
            return match found.is_empty() {
                true => Ok(None),
                false => Err(MatProblem::Truncated),
            };
        };
        let rest = rest.try_into().map_err(|_| MatProblem::Truncated)?;
        let first = u32::from_le_bytes([*a, *b, *c, *d]);
        let (len, kind) = (first >> 16, first & 0xffff);
        Ok(Some(match len {
            0 => Self {
                kind,
                len: u32::from_le_bytes(rest),
                small: None,
            },
            1..=4 => Self {
                kind,
                len,
                small: Some(rest),
            },
            _ => {
                return Err(MatProblem::Malformed {
                    what: "the size of a small element",
                });
            }
        }))
    }

    /// The bytes of this element that follow its tag.
    fn body<R: Read>(&self, bytes: R) -> io::Take<R> {
        bytes.take(if self.small.is_some() {
            0
        } else {
            self.len.into()
        })
    }

    /// All bytes of this element.
    fn bytes(&self, bytes: &mut impl Read) -> Result<Vec<u8>, MatProblem> {
        if let Some(small) = self.small {
            return Ok(small[..self.len as usize].to_vec());
        }
        // Only asked for: a page of it takes memory when it is written.
        let mut found = Vec::with_capacity(self.len as usize);
        self.body(bytes).read_to_end(&mut found)?;
        if found.len() < self.len as usize {
            return Err(MatProblem::Truncated);
        }
        Ok(found)
    }

    /// Elements begin at multiples of 8 bytes.
    fn skip_padding(&self, bytes: &mut impl Read) -> Result<(), MatProblem> {
        let padding = if self.small.is_some() {
            0
        } else {
            self.len.wrapping_neg() % 8
        };
        skip(bytes.take(padding.into()))
    }
}

/// Reads past what is left of an element.
fn skip(mut element: io::Take<impl Read>) -> Result<(), MatProblem> {
    io::copy(&mut element, &mut io::sink())?;
    if element.limit() > 0 {
        return Err(MatProblem::Truncated);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
