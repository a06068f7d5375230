//! The IDX format: MNIST, Fashion-MNIST, KMNIST and their kin.
//!
//! Two zero bytes, a type byte, a byte for the number of axes, each axis' size as a big-endian
//! `u32`, then the elements.

mod problem;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

pub use self::problem::IdxProblem;

use super::DataError;

/// The type byte of unsigned bytes.
const UBYTE: u8 = 0x08;
/// More than any data set of the family has (EMNIST's largest part holds 547 million).
const MAX_ELEMENTS: usize = 1 << 31;
/// What a gzip stream begins with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// An array of unsigned bytes from an IDX file.
///
/// ```
/// use sam_runtime::data::Idx;
///
/// // Two axes of 1 and 3 elements.
/// let bytes = [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9];
/// let array = Idx::parse(&bytes[..])?;
/// assert_eq!((array.axes(), array.data()), (&[1, 3][..], &[7, 8, 9][..]));
/// # Ok::<(), sam_runtime::data::IdxProblem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    axes: Vec<usize>,
    data: Vec<u8>,
}

impl Idx {
    /// Reads the file at `path`, unzipping it if it begins as a gzip stream does.
    ///
    /// # Errors
    /// [`DataError::Open`], or [`DataError::Idx`] with what is wrong inside.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|reason| DataError::Open {
            path: path.into(),
            reason,
        })?;
        Self::parse(file).map_err(|problem| DataError::Idx {
            path: path.into(),
            problem,
        })
    }

    /// Reads an IDX file, plain or gzipped, from `bytes` up to their end.
    ///
    /// Memory grows with the bytes that are really there, whatever the header promises.
    ///
    /// # Errors
    /// An [`IdxProblem`] for anything that is not exactly one well-formed array of unsigned bytes.
    pub fn parse(mut bytes: impl Read) -> Result<Self, IdxProblem> {
        let mut start = Vec::with_capacity(2);
        bytes
            .by_ref()
            .take(2)
            .read_to_end(&mut start)
            .map_err(IdxProblem::Read)?;
        let zipped = start == GZIP_MAGIC;
        let whole = BufReader::new(Cursor::new(start).chain(bytes));
        if zipped {
            parse_plain(MultiGzDecoder::new(whole))
        } else {
            parse_plain(whole)
        }
    }

    /// The sizes of the axes, outermost first.
    pub fn axes(&self) -> &[usize] {
        &self.axes
    }

    /// The elements, row-major; as many as the product of the axes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The elements, row-major, without a copy.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }
}

fn parse_plain(mut bytes: impl Read) -> Result<Idx, IdxProblem> {
    let [zero, zero_too, element_type, rank] = header_word(&mut bytes)?;
    if [zero, zero_too] != [0, 0] {
        return Err(IdxProblem::Magic {
            found: [zero, zero_too],
        });
    }
    if element_type != UBYTE {
        return Err(IdxProblem::ElementType {
            found: element_type,
        });
    }
    let mut axes = Vec::with_capacity(usize::from(rank));
    for _ in 0..rank {
        axes.push(u32::from_be_bytes(header_word(&mut bytes)?));
    }
    let expected = elements(&axes).ok_or_else(|| IdxProblem::TooLarge {
        axes: axes.clone(),
        limit: MAX_ELEMENTS,
    })?;

    // One byte more than expected, to see whether the file goes on. Reading to the end also makes
    // the gzip decoder check its checksum.
    let mut data = Vec::new();
    bytes
        .take(expected as u64 + 1)
        .read_to_end(&mut data)
        .map_err(IdxProblem::Read)?;
    if data.len() > expected {
        return Err(IdxProblem::Trailing { expected });
    }
    if data.len() < expected {
        return Err(IdxProblem::Truncated {
            expected,
            found: data.len(),
        });
    }
    Ok(Idx {
        axes: axes.into_iter().map(|size| size as usize).collect(),
        data,
    })
}

fn header_word(bytes: &mut impl Read) -> Result<[u8; 4], IdxProblem> {
    let mut word = [0; 4];
    bytes
        .read_exact(&mut word)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => IdxProblem::Header,
            _ => IdxProblem::Read(error),
        })?;
    Ok(word)
}

/// The product of the axes, where it is no larger than supported.
fn elements(axes: &[u32]) -> Option<usize> {
    let product = axes.iter().try_fold(1_usize, |product, &size| {
        product.checked_mul(usize::try_from(size).ok()?)
    })?;
    (product <= MAX_ELEMENTS).then_some(product)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    /// An IDX file of `data`, with `axes` in its header.
    pub(in crate::data) fn file(axes: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, UBYTE, axes.len() as u8];
        bytes.extend(axes.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    pub(in crate::data) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn problem(bytes: &[u8]) -> String {
        Idx::parse(bytes).unwrap_err().to_string()
    }

    /// Axes of at most 6 x 6 x 6 and as many elements.
    fn arrays() -> impl Strategy<Value = (Vec<u32>, Vec<u8>)> {
        prop::collection::vec(0_u32..=6, 0..=3).prop_flat_map(|axes| {
            let n = axes.iter().product::<u32>() as usize;
            (Just(axes), prop::collection::vec(any::<u8>(), n))
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read((axes, data) in arrays(), zipped: bool) {
            let plain = file(&axes, &data);
            let read = Idx::parse(&*if zipped { gzip(&plain) } else { plain }).unwrap();
            prop_assert_eq!(read.axes(), axes.iter().map(|&n| n as usize).collect::<Vec<_>>());
            prop_assert_eq!(read.into_data(), data);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Idx::parse(&*bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(
            (axes, data) in arrays(),
            zipped: bool,
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            keep in any::<prop::sample::Index>(),
        ) {
            let plain = file(&axes, &data);
            let mut bytes = if zipped { gzip(&plain) } else { plain };
            for (at, byte) in hits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(keep.index(bytes.len() + 1));
            // Damage may leave a valid file (another pixel); then the array must be consistent.
            if let Ok(idx) = Idx::parse(&*bytes) {
                prop_assert_eq!(idx.axes().iter().product::<usize>(), idx.data().len());
            }
        }

        #[test]
        fn every_cut_is_noticed((axes, data) in arrays(), zipped: bool, keep: prop::sample::Index) {
            let plain = file(&axes, &data);
            let bytes = if zipped { gzip(&plain) } else { plain };
            prop_assert!(Idx::parse(&bytes[..keep.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn each_problem_says_what_is_wrong_and_what_to_do() {
        assert_eq!(
            problem(b"<!DOCTYPE html>"),
            "not an IDX file: it begins with bytes [3c, 21] instead of 00 00; \
             perhaps a web page was saved in its place, so download it again"
        );
        assert_eq!(
            problem(&[0, 0, 0x0d, 1, 0, 0, 0, 0]),
            "its elements are of type 0x0d, but only unsigned bytes (0x08) are supported; convert the file"
        );
        for bytes in [&[] as &[u8], &[0], &[0, 0, 8], &[0, 0, 8, 1, 0, 0, 0]] {
            assert_eq!(
                problem(bytes),
                "it ends inside the header; it is truncated, so download it again"
            );
        }
        assert_eq!(
            problem(&file(&[2, 3], &[1; 5])),
            "its header says 6 elements, but only 5 follow; it is truncated, so download it again"
        );
        assert_eq!(
            problem(&file(&[2, 3], &[1; 7])),
            "bytes follow the 6 elements that its header says; it is damaged, so download it again"
        );
        let zipped = gzip(&file(&[9], &[7; 9]));
        assert!(problem(&zipped[..zipped.len() - 3]).starts_with("can't read or unzip it ("));
    }

    #[test]
    fn a_damaged_checksum_is_noticed() {
        let mut zipped = gzip(&file(&[9], &[7; 9]));
        let checksum = zipped.len() - 8;
        zipped[checksum] ^= 1;
        assert!(matches!(Idx::parse(&*zipped), Err(IdxProblem::Read(_))));
    }

    #[test]
    fn an_absurd_header_is_refused_and_a_large_one_costs_no_memory() {
        let absurd = file(&[u32::MAX; 3], &[]);
        assert_eq!(
            problem(&absurd),
            "its header says [4294967295, 4294967295, 4294967295], more than the 2147483648 elements \
             supported; the header is damaged, so download the file again"
        );
        // As large as is supported: nothing is reserved for the 2 GiB that aren't there.
        let large = Idx::parse(&*file(&[1 << 31], &[1, 2, 3]));
        assert!(matches!(
            large,
            Err(IdxProblem::Truncated {
                expected: 0x8000_0000,
                found: 3
            })
        ));
    }
}
