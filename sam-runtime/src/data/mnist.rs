//! The four standard files of MNIST and of its drop-in replacements.

use std::path::{Path, PathBuf};

use dfdx::shapes::{ConstShape, Rank1};

use super::{ChannelStats, DataError, Idx, Images, files};

/// MNIST from a folder: 28 x 28 grey images of ten classes, as flat inputs of 784 numbers.
///
/// Fashion-MNIST and KMNIST have the same files, so they are read the same way. Each file may be
/// plain or gzipped, and may be spelled with a dash or a dot: `train-images-idx3-ubyte`,
/// `train-images.idx3-ubyte`, either with `.gz`. Pixels run from 0 to 1; see
/// [`Images::normalized`] to change that.
#[derive(Clone, Copy, Debug)]
pub struct Mnist;

impl Mnist {
    /// Mean and deviation of MNIST's training pixels, as in the field's common recipes.
    ///
    /// Not those of Fashion-MNIST or KMNIST: use [`Images::channel_stats`] there.
    pub const STATS: ChannelStats = ChannelStats {
        mean: 0.1307,
        std: 0.3081,
    };

    /// The training images (60,000 in MNIST) in the folder `dir`.
    ///
    /// # Errors
    /// [`DataError::Missing`] if a file isn't there; otherwise as [`Images::from_idx`].
    pub fn train(dir: impl AsRef<Path>) -> Result<Images<Rank1<784>, 10>, DataError> {
        from_dir(dir.as_ref(), "train", "training")
    }

    /// The test images (10,000 in MNIST) in the folder `dir`.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn test(dir: impl AsRef<Path>) -> Result<Images<Rank1<784>, 10>, DataError> {
        from_dir(dir.as_ref(), "t10k", "test")
    }
}

fn from_dir(dir: &Path, prefix: &str, split: &str) -> Result<Images<Rank1<784>, 10>, DataError> {
    let images = find(
        dir,
        &format!("{prefix}-images"),
        "idx3-ubyte",
        &format!("{split} image"),
    )?;
    let labels = find(
        dir,
        &format!("{prefix}-labels"),
        "idx1-ubyte",
        &format!("{split} label"),
    )?;
    Images::from_idx(images, labels)
}

/// The file of a role under any of its spellings.
fn find(dir: &Path, stem: &str, kind: &str, what: &str) -> Result<PathBuf, DataError> {
    let names = ["-", "."].map(|sep| ["", ".gz"].map(|zip| format!("{stem}{sep}{kind}{zip}")));
    files::find(dir, names.into_iter().flatten().collect(), what)
}

impl<S: ConstShape, const CLASSES: usize> Images<S, CLASSES> {
    /// Images and labels from two IDX files of any names, plain or gzipped.
    ///
    /// The first axis counts the images; the others must hold `S::NUMEL` pixels together. Labels
    /// are taken as they are: files that count classes from 1 need a `CLASSES` one larger.
    ///
    /// # Errors
    /// [`DataError::Open`] and [`DataError::Idx`] for a file that can't be read;
    /// [`DataError::Axes`], [`DataError::ImageSize`], [`DataError::Counts`] and
    /// [`DataError::FileLabel`] for files that don't fit each other or the type.
    pub fn from_idx(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self, DataError> {
        let (images_path, labels_path) = (images.as_ref(), labels.as_ref());

        // The small file first: a wrong folder is noticed before 50 MB are unzipped.
        let labels = Idx::read(labels_path)?;
        if labels.axes().len() != 1 {
            return Err(axes_error(labels_path, "labels", 1, &labels));
        }
        let labels: Vec<usize> = labels.into_data().into_iter().map(usize::from).collect();
        if let Some(index) = labels.iter().position(|&label| label >= CLASSES) {
            return Err(DataError::FileLabel {
                path: labels_path.into(),
                index,
                label: labels[index],
                classes: CLASSES,
            });
        }

        let images = Idx::read(images_path)?;
        let [count, axes @ ..] = images.axes() else {
            return Err(axes_error(images_path, "images", 3, &images));
        };
        if axes.is_empty() {
            return Err(axes_error(images_path, "images", 3, &images));
        }
        // With no image at all the other axes may be anything; their product may even overflow.
        let found = axes
            .iter()
            .fold(1_usize, |product, &size| product.saturating_mul(size));
        if found != S::NUMEL {
            return Err(DataError::ImageSize {
                path: images_path.into(),
                axes: axes.into(),
                expected: S::NUMEL,
                found,
            });
        }
        if *count != labels.len() {
            return Err(DataError::Counts {
                images_path: images_path.into(),
                labels_path: labels_path.into(),
                images: *count,
                labels: labels.len(),
            });
        }
        Self::new(images.into_data(), labels)
    }
}

fn axes_error(path: &Path, what: &'static str, expected: usize, idx: &Idx) -> DataError {
    DataError::Axes {
        path: path.into(),
        what,
        expected,
        found: idx.axes().len(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::idx::tests::{file, gzip};
    use super::super::{Dataset, IdxProblem, Labelled};
    use super::*;
    use dfdx::shapes::Rank2;
    use std::fs;
    use tempfile::{TempDir, tempdir};

    fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
        let dir = tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        dir
    }

    fn two_images() -> Vec<u8> {
        file(&[2, 28, 28], &[vec![0; 784], vec![51; 784]].concat())
    }

    #[test]
    fn every_spelling_is_found() {
        for (sep, zipped) in [("-", false), ("-", true), (".", false), (".", true)] {
            let name = |stem: &str, kind: &str| {
                format!("{stem}{sep}{kind}{}", if zipped { ".gz" } else { "" })
            };
            let pack = |bytes: Vec<u8>| if zipped { gzip(&bytes) } else { bytes };
            let dir = folder(&[
                (&name("train-images", "idx3-ubyte"), pack(two_images())),
                (
                    &name("train-labels", "idx1-ubyte"),
                    pack(file(&[2], &[9, 4])),
                ),
            ]);
            let train = Mnist::train(dir.path()).unwrap();
            assert_eq!(train.len(), 2);
            assert_eq!((train.label(0).unwrap(), train.label(1).unwrap()), (9, 4));
            assert_eq!(train.get(1).unwrap().input(), [0.2; 784]);
            assert!(matches!(
                Mnist::test(dir.path()),
                Err(DataError::Missing { .. })
            ));
        }
    }

    #[test]
    fn gzip_is_told_by_content_not_by_name() {
        let dir = folder(&[
            ("t10k-images-idx3-ubyte", gzip(&two_images())),
            ("t10k-labels-idx1-ubyte.gz", file(&[2], &[0, 1])),
        ]);
        assert_eq!(Mnist::test(dir.path()).unwrap().len(), 2);
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = folder(&[("train-images-idx3-ubyte", two_images())]);
        let text = Mnist::train(dir.path()).unwrap_err().to_string();
        assert_eq!(
            text,
            format!(
                "{}: none of train-labels-idx1-ubyte, train-labels-idx1-ubyte.gz, \
                 train-labels.idx1-ubyte, train-labels.idx1-ubyte.gz is there; \
                 put the training label file into that folder under one of these names",
                dir.path().display()
            )
        );
    }

    /// The error of reading an image and a label file as 2 x 2 images of three classes.
    fn error(images: Vec<u8>, labels: Vec<u8>) -> String {
        let dir = folder(&[("i", images), ("l", labels)]);
        let (i, l) = (dir.path().join("i"), dir.path().join("l"));
        let text = Images::<Rank2<2, 2>, 3>::from_idx(i, l)
            .unwrap_err()
            .to_string();
        text.replace(
            &format!("{}{}", dir.path().display(), std::path::MAIN_SEPARATOR),
            "",
        )
    }

    #[test]
    fn files_that_do_not_fit_are_refused_by_name() {
        let labels = |labels: &[u8]| file(&[labels.len() as u32], labels);
        let images = file(&[2, 2, 2], &[0; 8]);
        assert_eq!(
            error(images.clone(), labels(&[0, 1, 2])),
            "i has 2 images, but l has 3 labels; take both files from the same data set and split"
        );
        assert_eq!(
            error(images.clone(), labels(&[0, 3])),
            "l: label 3 at index 1 is not below 3, the number of classes; \
             choose a data set type with more classes, or repair the file"
        );
        assert_eq!(
            error(labels(&[0, 1]), images.clone()),
            "l: has 3 axes, but labels have 1; are the image and the label file swapped?"
        );
        assert_eq!(
            error(labels(&[0, 1]), labels(&[0, 1])),
            "i: has 1 axes, but images have 3; are the image and the label file swapped?"
        );
        assert_eq!(
            error(file(&[2, 3, 1], &[0; 6]), labels(&[0, 1])),
            "i: its images have 3 pixels (axes [3, 1]), but the data set's shape holds 4; \
             choose a shape with as many elements"
        );
        assert_eq!(
            error(images, b"\x1f\x8b".to_vec()),
            format!("l: {}", Idx::parse(b"\x1f\x8b" as &[u8]).unwrap_err())
        );
    }

    #[test]
    fn no_images_with_absurd_other_axes_are_refused() {
        let text = error(file(&[0, u32::MAX, u32::MAX], &[]), file(&[0], &[]));
        assert!(text.starts_with("i: its images have"), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let gone = Images::<Rank2<2, 2>, 3>::from_idx("no/such/images", "no/such/labels");
        let text = gone.unwrap_err().to_string();
        assert!(
            text.starts_with("no/such/labels: can't open it ("),
            "{text}"
        );
        assert!(
            text.ends_with("check that the path is right and the file readable"),
            "{text}"
        );
    }

    #[test]
    fn the_reason_inside_a_file_stays_reachable() {
        let dir = folder(&[("i", two_images()), ("l", vec![1, 2, 3, 4])]);
        let refused =
            Images::<Rank1<784>, 10>::from_idx(dir.path().join("i"), dir.path().join("l"));
        assert!(matches!(
            refused,
            Err(DataError::Idx {
                problem: IdxProblem::Magic { found: [1, 2] },
                ..
            })
        ));
    }
}
