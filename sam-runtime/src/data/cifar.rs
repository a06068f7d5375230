//! CIFAR-10 and CIFAR-100 in their binary version.
//!
//! A file is a row of records without a header: one label byte (CIFAR-10) or a coarse and a fine one
//! (CIFAR-100), then 1,024 red, 1,024 green and 1,024 blue bytes, row by row.

use std::path::Path;

use dfdx::shapes::Rank3;

use super::{ChannelStats, DataError, Images, files};

/// Bytes of one image.
const PIXELS: usize = 3 * 32 * 32;

/// CIFAR-10 (Krizhevsky 2009): 32 x 32 colour images of ten classes, from the files of its
/// [binary version](https://www.cs.toronto.edu/~kriz/cifar.html).
///
/// The files may lie in the folder itself or in the `cifar-10-batches-bin` that the archive unpacks
/// to. Pixels run from 0 to 1; [`Images::normalized`] with [`STATS`](Self::STATS) standardises them.
#[derive(Clone, Copy, Debug)]
pub struct Cifar10;

impl Cifar10 {
    /// Mean and deviation of the training pixels: red, green, blue.
    pub const STATS: [ChannelStats; 3] = stats([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);

    /// What the classes show, by label.
    pub const CLASSES: [&str; 10] = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ];

    /// The 50,000 training images, from `data_batch_1.bin` to `data_batch_5.bin` in `dir`.
    ///
    /// # Errors
    /// [`DataError::Missing`] if a file isn't there, [`DataError::Open`] if it can't be read;
    /// [`DataError::Records`] for a file that is cut short or too long; [`DataError::FileLabel`] for
    /// a label that is not below 10.
    pub fn train(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 10>, DataError> {
        let batches = [1, 2, 3, 4, 5].map(|batch| format!("data_batch_{batch}.bin"));
        CIFAR10.read(dir.as_ref(), &batches)
    }

    /// The 10,000 test images, from `test_batch.bin` in `dir`.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn test(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 10>, DataError> {
        CIFAR10.read(dir.as_ref(), &["test_batch.bin".into()])
    }
}

/// CIFAR-100 (Krizhevsky 2009): as [`Cifar10`], with 100 fine classes in 20 coarse ones.
///
/// The files may lie in the folder itself or in the `cifar-100-binary` that the archive unpacks to.
#[derive(Clone, Copy, Debug)]
pub struct Cifar100;

impl Cifar100 {
    /// Mean and deviation of the training pixels: red, green, blue.
    pub const STATS: [ChannelStats; 3] = stats([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]);

    /// The 50,000 training images with their fine labels, from `train.bin` in `dir`.
    ///
    /// # Errors
    /// As [`Cifar10::train`]; the label that isn't wanted is checked too.
    pub fn train(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 100>, DataError> {
        CIFAR100_FINE.read(dir.as_ref(), &["train.bin".into()])
    }

    /// The 10,000 test images with their fine labels, from `test.bin` in `dir`.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn test(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 100>, DataError> {
        CIFAR100_FINE.read(dir.as_ref(), &["test.bin".into()])
    }

    /// The training images with their coarse labels.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn train_coarse(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 20>, DataError> {
        CIFAR100_COARSE.read(dir.as_ref(), &["train.bin".into()])
    }

    /// The test images with their coarse labels.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn test_coarse(dir: impl AsRef<Path>) -> Result<Images<Rank3<3, 32, 32>, 20>, DataError> {
        CIFAR100_COARSE.read(dir.as_ref(), &["test.bin".into()])
    }
}

const fn stats(mean: [f32; 3], std: [f32; 3]) -> [ChannelStats; 3] {
    let [r, g, b] = mean;
    let [rs, gs, bs] = std;
    [
        ChannelStats { mean: r, std: rs },
        ChannelStats { mean: g, std: gs },
        ChannelStats { mean: b, std: bs },
    ]
}

/// What a record begins with: one label byte per entry, each with its number of classes.
pub(super) struct Layout {
    /// The folder that the official archive unpacks to.
    folder: &'static str,
    classes: &'static [usize],
    /// Which of the label bytes is taken.
    taken: usize,
}

pub(super) const CIFAR10: Layout = Layout {
    folder: "cifar-10-batches-bin",
    classes: &[10],
    taken: 0,
};
const CIFAR100_COARSE: Layout = Layout {
    folder: "cifar-100-binary",
    classes: &[20, 100],
    taken: 0,
};
pub(super) const CIFAR100_FINE: Layout = Layout {
    taken: 1,
    ..CIFAR100_COARSE
};

impl Layout {
    /// The records of several files, one after the other.
    fn read<const CLASSES: usize>(
        &self,
        dir: &Path,
        names: &[String],
    ) -> Result<Images<Rank3<3, 32, 32>, CLASSES>, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for name in names {
            let places = vec![name.clone(), format!("{}/{name}", self.folder)];
            let path = files::find(dir, places, "CIFAR")?;
            self.append(&path, &files::read(&path)?, &mut pixels, &mut labels)?;
        }
        Images::new(pixels, labels)
    }

    /// Pixels and labels of one file's bytes.
    #[cfg(feature = "fuzzing")]
    pub(super) fn parse(
        &self,
        path: &Path,
        bytes: &[u8],
    ) -> Result<(Vec<u8>, Vec<usize>), DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        self.append(path, bytes, &mut pixels, &mut labels)?;
        Ok((pixels, labels))
    }

    fn append(
        &self,
        path: &Path,
        bytes: &[u8],
        pixels: &mut Vec<u8>,
        labels: &mut Vec<usize>,
    ) -> Result<(), DataError> {
        let record = self.classes.len() + PIXELS;
        if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
            return Err(DataError::Records {
                path: path.into(),
                bytes: bytes.len(),
                record,
            });
        }
        for (index, record) in bytes.chunks_exact(record).enumerate() {
            let (found, image) = record.split_at(self.classes.len());
            for (&label, &classes) in found.iter().zip(self.classes) {
                if usize::from(label) >= classes {
                    return Err(DataError::FileLabel {
                        path: path.into(),
                        index,
                        label: label.into(),
                        classes,
                    });
                }
            }
            labels.push(found[self.taken].into());
            pixels.extend_from_slice(image);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Labelled};
    use super::*;
    use std::fs;
    use tempfile::tempdir;

    /// One record: its labels, then three planes of one byte each.
    fn record(labels: &[u8], [red, green, blue]: [u8; 3]) -> Vec<u8> {
        let planes = [red, green, blue].map(|byte| vec![byte; 1024]);
        [labels.to_vec(), planes.concat()].concat()
    }

    fn labels<const N: usize>(images: &Images<Rank3<3, 32, 32>, N>) -> Vec<usize> {
        (0..images.len())
            .map(|i| images.label(i).unwrap())
            .collect()
    }

    #[test]
    fn five_batches_follow_each_other_from_either_folder() {
        for folder in ["", "cifar-10-batches-bin"] {
            let dir = tempdir().unwrap();
            let inner = dir.path().join(folder);
            fs::create_dir_all(&inner).unwrap();
            for batch in 1..=5 {
                let two = [record(&[batch], [batch, 0, 9]), record(&[9], [51, 0, 255])].concat();
                fs::write(inner.join(format!("data_batch_{batch}.bin")), two).unwrap();
            }
            let train = Cifar10::train(dir.path()).unwrap();
            assert_eq!(labels(&train), [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
            assert_eq!(train.pixels(4).unwrap()[..1024], [3; 1024]);
            let last = train.get(9).unwrap();
            assert_eq!(last.input()[..1024], [0.2; 1024]);
            assert_eq!(last.input()[1024..2048], [0.0; 1024]);
            assert_eq!(last.input()[2048..], [1.0; 1024]);
        }
    }

    #[test]
    fn both_labels_of_cifar_100_can_be_had() {
        let dir = tempdir().unwrap();
        let two = [record(&[19, 99], [1; 3]), record(&[0, 7], [2; 3])].concat();
        for name in ["train.bin", "test.bin"] {
            fs::write(dir.path().join(name), &two).unwrap();
        }
        assert_eq!(labels(&Cifar100::train(dir.path()).unwrap()), [99, 7]);
        assert_eq!(labels(&Cifar100::test(dir.path()).unwrap()), [99, 7]);
        assert_eq!(
            labels(&Cifar100::train_coarse(dir.path()).unwrap()),
            [19, 0]
        );
        assert_eq!(labels(&Cifar100::test_coarse(dir.path()).unwrap()), [19, 0]);
        let test = Cifar100::test(dir.path()).unwrap();
        assert_eq!(test.pixels(1).unwrap(), [2; PIXELS]);
    }

    /// The error of a `test_batch.bin` with these bytes, without the folder's name.
    fn error(bytes: &[u8]) -> String {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join("test_batch.bin"), bytes).unwrap();
        let text = Cifar10::test(dir.path()).unwrap_err().to_string();
        let folder = format!("{}{}", dir.path().display(), std::path::MAIN_SEPARATOR);
        text.replace(&folder, "")
    }

    #[test]
    fn damaged_files_are_refused_by_name() {
        let whole = [record(&[1], [0; 3]), record(&[2], [0; 3])].concat();
        for (bytes, size) in [
            (&whole[..6145], 6145),
            (&[whole.clone(), vec![0]].concat(), 6147),
            (&[], 0),
        ] {
            assert_eq!(
                error(bytes),
                format!(
                    "test_batch.bin: its {size} bytes are not one or more whole records of 3073 bytes; \
                     it is truncated, has something after its last record, or is another data set's, \
                     so unpack or download it again"
                )
            );
        }
        let label = [record(&[1], [0; 3]), record(&[10], [0; 3])].concat();
        assert_eq!(
            error(&label),
            "test_batch.bin: label 10 at index 1 is not below 10, the number of classes; \
             choose a data set type with more classes, or repair the file"
        );
    }

    #[test]
    fn a_label_that_is_not_wanted_is_checked_too() {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join("train.bin"), record(&[20, 5], [0; 3])).unwrap();
        assert!(matches!(
            Cifar100::train(dir.path()),
            Err(DataError::FileLabel {
                label: 20,
                classes: 20,
                ..
            })
        ));
    }

    #[test]
    fn a_missing_file_is_named_in_both_places() {
        let dir = tempdir().unwrap();
        let text = Cifar10::train(dir.path()).unwrap_err().to_string();
        assert!(
            text.contains(
                "none of data_batch_1.bin, cifar-10-batches-bin/data_batch_1.bin is there"
            ),
            "{text}"
        );
    }
}
