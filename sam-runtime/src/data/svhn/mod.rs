//! SVHN's cropped digits ("format 2").
//!
//! | file | what it holds |
//! |---|---|
//! | `mat` | the part of MATLAB's format that their files use |
//! | `problem` | [`MatProblem`]: what can be wrong with one |

mod mat;
mod problem;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use dfdx::shapes::Rank3;

pub use self::problem::MatProblem;

use self::mat::Array;
use super::{ChannelStats, DataError, Images, files};

/// Pixels of one channel.
const PLANE: usize = 32 * 32;
/// Bytes of an image.
const IMAGE: usize = 3 * PLANE;

/// Images of the three sets: a file of more is not read.
const TRAIN: usize = 73_257;
const TEST: usize = 26_032;
pub(super) const EXTRA: usize = 531_131;

/// Street View House Numbers (Netzer et al. 2011): 32 x 32 colour images of ten digits, from the
/// [cropped format](http://ufldl.stanford.edu/housenumbers/)'s MAT files.
///
/// The label of a digit is the digit itself; the files' label 10 stands for the digit 0. Pixels run
/// from 0 to 1; [`Images::normalized`] with [`STATS`](Self::STATS) standardises them.
#[derive(Clone, Copy, Debug)]
pub struct Svhn;

impl Svhn {
    /// Mean and deviation of the training pixels (without the extra images): red, green, blue.
    pub const STATS: [ChannelStats; 3] = [
        ChannelStats {
            mean: 0.4377,
            std: 0.1980,
        },
        ChannelStats {
            mean: 0.4438,
            std: 0.2010,
        },
        ChannelStats {
            mean: 0.4728,
            std: 0.1970,
        },
    ];

    /// The 73,257 training images, from `train_32x32.mat` in `dir`.
    ///
    /// # Errors
    /// [`DataError::Missing`] if the file isn't there, [`DataError::Open`] if it can't be opened,
    /// [`DataError::Mat`] for anything wrong inside, or for more images.
    pub fn train(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 10>, DataError> {
        from_dir(dir.as_ref(), "train_32x32.mat", TRAIN)
    }

    /// The 531,131 easier images that are often added to the training images, from
    /// `extra_32x32.mat` in `dir`: 1.6 GB in memory.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn extra(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 10>, DataError> {
        from_dir(dir.as_ref(), "extra_32x32.mat", EXTRA)
    }

    /// The 26,032 test images, from `test_32x32.mat` in `dir`.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn test(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 10>, DataError> {
        from_dir(dir.as_ref(), "test_32x32.mat", TEST)
    }
}

fn from_dir(
    dir: &Path,
    name: &str,
    most: usize,
) -> Result<Images<Rank3<3, 32, 32>, 10>, DataError> {
    let path = files::find(dir, vec![name.into()], "SVHN")?;
    let file = File::open(&path).map_err(|reason| DataError::Open {
        path: path.clone(),
        reason,
    })?;
    let (pixels, labels) =
        parse(BufReader::new(file), most).map_err(|problem| DataError::Mat { path, problem })?;
    Images::new(pixels, labels)
}

/// Pixels, image by image, channel by channel and row by row, and labels, of at most `most` images.
pub(super) fn parse(file: impl Read, most: usize) -> Result<(Vec<u8>, Vec<usize>), MatProblem> {
    let mut arrays = mat::read(file, &[("X", most * IMAGE), ("y", most * size_of::<f64>())])?;
    let mut take = |name| {
        let at = arrays.iter().position(|array| array.name == name);
        at.map(|at| arrays.swap_remove(at))
            .ok_or(MatProblem::NoArray { name })
    };
    let (x, y) = (take("X")?, take("y")?);
    let labels = labels(&y)?;
    let pixels = pixels(x)?;
    if pixels.len() != labels.len() * IMAGE {
        return Err(MatProblem::Counts {
            images: pixels.len() / IMAGE,
            labels: labels.len(),
        });
    }
    Ok((pixels, labels))
}

fn labels(y: &Array) -> Result<Vec<usize>, MatProblem> {
    let ([_, 1] | [1, _]) = y.dims[..] else {
        return Err(MatProblem::Dims {
            name: "y",
            dims: y.dims.clone(),
            expected: "N x 1",
        });
    };
    let numbers = y.numbers().ok_or(MatProblem::Stored {
        name: "y",
        stored: y.stored,
    })?;
    numbers
        .into_iter()
        .enumerate()
        .map(|(index, label)| {
            if (1.0..=10.0).contains(&label) && label.fract() == 0.0 {
                Ok(label as usize % 10)
            } else {
                Err(MatProblem::Label { index, label })
            }
        })
        .collect()
}

fn pixels(mut x: Array) -> Result<Vec<u8>, MatProblem> {
    // MATLAB leaves a last axis of 1 out.
    let ([32, 32, 3] | [32, 32, 3, _]) = x.dims[..] else {
        return Err(MatProblem::Dims {
            name: "X",
            dims: x.dims.clone(),
            expected: "32 x 32 x 3 x N",
        });
    };
    if x.stored != mat::UINT8 {
        return Err(MatProblem::Stored {
            name: "X",
            stored: x.stored,
        });
    }
    // Column-major: within a channel's plane, columns come one after the other.
    for plane in x.bytes.chunks_exact_mut(PLANE) {
        for row in 0..32 {
            for column in 0..row {
                plane.swap(row * 32 + column, column * 32 + row);
            }
        }
    }
    Ok(x.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Labelled};
    use super::mat::tests::{array, file};
    use super::*;
    use std::fs;
    use tempfile::tempdir;

    /// Written by scipy: see `fixtures/svhn_mat.py`.
    const TWO: &[u8] = include_bytes!("../fixtures/svhn_two.mat");

    #[test]
    fn another_program_s_file_is_read_as_it_was_meant() {
        let dir = tempdir().unwrap();
        for name in ["train_32x32.mat", "test_32x32.mat", "extra_32x32.mat"] {
            fs::write(dir.path().join(name), TWO).unwrap();
        }
        for read in [Svhn::train, Svhn::test, Svhn::extra] {
            let images = read(dir.path()).unwrap();
            assert_eq!(images.len(), 2);
            assert_eq!((images.label(0).unwrap(), images.label(1).unwrap()), (0, 4));
            for image in 0..2 {
                let pixels = images.pixels(image).unwrap();
                for (at, &pixel) in pixels.iter().enumerate() {
                    let (channel, row, column) = (at / 1024, at / 32 % 32, at % 32);
                    let wanted = (row * 7 + column * 3 + channel * 50 + image * 20) % 256;
                    assert_eq!(usize::from(pixel), wanted, "{channel} {row} {column}");
                }
            }
        }
    }

    /// The problem of a file with these arrays: axes, type of the numbers, and their bytes.
    fn problem(x: (&[i32], u32, &[u8]), y: (&[i32], u32, &[u8])) -> String {
        let arrays = [array("X", x.0, x.1, x.2), array("y", y.0, y.1, y.2)];
        parse(&*file(&arrays.concat()), 3).unwrap_err().to_string()
    }

    #[test]
    fn arrays_that_are_not_svhn_s_are_refused() {
        let image = [0; 3072];
        let one = (&[32, 32, 3][..], 2, &image[..]);
        let cases = [
            (
                problem((&[32, 96], 2, &image), (&[1, 1], 2, &[1])),
                "its array `X` is [32, 96] large, but 32 x 32 x 3 x N is needed; is it SVHN's format 2?",
            ),
            (
                problem((&[32, 32, 3], 1, &image), (&[1, 1], 2, &[1])),
                "its array `X` is stored as type 1, which isn't supported; convert the file",
            ),
            (
                problem(one, (&[1, 1, 1], 2, &[1])),
                "its array `y` is [1, 1, 1] large, but N x 1 is needed; is it SVHN's format 2?",
            ),
            (
                problem(one, (&[2, 1], 2, &[1, 2])),
                "it has 1 images, but 2 labels; it is damaged, so download it again",
            ),
            (
                problem(one, (&[1, 1], 2, &[11])),
                "label 11 at index 0 is none of 1 to 10 (10 is the digit 0); repair the file",
            ),
            (
                problem(one, (&[1, 1], 9, &1.5_f64.to_le_bytes())),
                "label 1.5 at index 0 is none of 1 to 10 (10 is the digit 0); repair the file",
            ),
        ];
        for (found, wanted) in cases {
            assert_eq!(found, wanted);
        }
        let only_x = file(&array("X", one.0, one.1, one.2));
        assert_eq!(
            parse(&*only_x, 1).unwrap_err().to_string(),
            "it holds no array `y`; take the `*_32x32.mat` files of SVHN's format 2"
        );
    }

    #[test]
    fn labels_may_be_stored_as_any_number() {
        let image = [7; 3072];
        let x = array("X", &[32, 32, 3, 1], 2, &image);
        for (stored, bytes) in [
            (1, vec![10]),
            (3, 10_i16.to_le_bytes().to_vec()),
            (6, 10_u32.to_le_bytes().to_vec()),
            (7, 10_f32.to_le_bytes().to_vec()),
            (9, 10_f64.to_le_bytes().to_vec()),
            (13, 10_u64.to_le_bytes().to_vec()),
        ] {
            let y = array("y", &[1, 1], stored, &bytes);
            let read = parse(&*file(&[y, x.clone()].concat()), 1).unwrap();
            assert_eq!(read, (image.to_vec(), vec![0]));
        }
    }

    #[test]
    fn what_is_wrong_inside_is_said_with_the_file_s_name() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("test_32x32.mat");
        fs::write(&path, &TWO[..TWO.len() - 9]).unwrap();
        let text = Svhn::test(dir.path()).unwrap_err().to_string();
        assert!(text.starts_with(&format!("{}: ", path.display())), "{text}");
        assert!(text.ends_with("download it again"), "{text}");
        assert!(matches!(
            Svhn::train(dir.path()),
            Err(DataError::Missing { .. })
        ));
    }
}
