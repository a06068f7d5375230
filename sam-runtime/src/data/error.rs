//! What can go wrong with data, in words that say what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "download")]
use super::download::DownloadError;
#[cfg(feature = "image")]
use super::folder::FolderProblem;
use super::idx::IdxProblem;
use super::svhn::MatProblem;
#[cfg(feature = "table")]
use super::table::TableProblem;

/// Any failure of this module.
///
/// The text names the file or value at fault, what is wrong with it, and what to do. It already holds
/// the reasons underneath, which are fields and not [`source`](std::error::Error::source)s: a report
/// of the whole chain says everything once.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// None of the names that a data file may have exists in the folder.
    #[error(
        "{}: none of {} is there; put the {what} file into that folder under one of these names",
        .dir.display(), .names.join(", ")
    )]
    Missing {
        /// The folder that was searched.
        dir: PathBuf,
        /// What was looked for, for example `MNIST training images`.
        what: String,
        /// The names tried, in this order.
        names: Vec<String>,
    },
    /// A file exists or was named, but can't be opened.
    #[error("{}: can't open it ({reason}); check that the path is right and the file readable", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// A file was opened, but is no well-formed IDX file.
    #[error("{}: {problem}", .path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: IdxProblem,
    },
    /// An IDX file is well-formed, but has another number of axes than its role asks for.
    #[error(
        "{}: has {found} axes, but {what} have {expected}; are the image and the label file swapped?",
        .path.display()
    )]
    Axes {
        /// The file.
        path: PathBuf,
        /// `images` or `labels`.
        what: &'static str,
        /// Axes that the role asks for.
        expected: usize,
        /// Axes in the file.
        found: usize,
    },
    /// The images of a file don't have as many pixels as the data set's shape.
    #[error(
        "{}: its images have {found} pixels (axes {axes:?}), but the data set's shape holds {expected}; \
         choose a shape with as many elements",
        .path.display()
    )]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// The sizes of one image's axes.
        axes: Vec<usize>,
        /// Elements of the data set's shape.
        expected: usize,
        /// Pixels of one image in the file.
        found: usize,
    },
    /// An image file and its label file don't belong together.
    #[error(
        "{} has {images} images, but {} has {labels} labels; take both files from the same data set and split",
        .images_path.display(), .labels_path.display()
    )]
    Counts {
        /// The image file.
        images_path: PathBuf,
        /// The label file.
        labels_path: PathBuf,
        /// Images in the first.
        images: usize,
        /// Labels in the second.
        labels: usize,
    },
    /// A label file holds a class that the data set doesn't have.
    #[error(
        "{}: label {label} at index {index} is not below {classes}, the number of classes; \
         choose a data set type with more classes, or repair the file",
        .path.display()
    )]
    FileLabel {
        /// The file.
        path: PathBuf,
        /// Position of the first such label.
        index: usize,
        /// The label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A worker of a loader can't be started.
    #[error("can't start worker {worker} of the loader ({reason}); use fewer workers")]
    Thread {
        /// Which worker, from 0.
        worker: usize,
        /// The system's reason.
        reason: io::Error,
    },
    /// Reading a batch panicked in a worker.
    #[error("reading batch {batch} panicked: {reason}")]
    Panicked {
        /// The batch, counted from the start of its epoch.
        batch: usize,
        /// What the panic says.
        reason: String,
    },
    /// The workers take too long over a batch.
    #[error(
        "batch {batch} did not come within {} s; a worker hangs, or needs a longer `timeout`",
        .timeout.as_secs_f64()
    )]
    Stalled {
        /// The batch, counted from the start of its epoch.
        batch: usize,
        /// How long the loop waited.
        timeout: Duration,
    },
    /// The worker that had a batch to read has ended without it.
    #[error(
        "the worker that was to read batch {batch} has ended; the program's memory may have run out"
    )]
    Gone {
        /// The batch, counted from the start of its epoch.
        batch: usize,
    },
    /// A file of records of equal size, such as CIFAR's, isn't a whole number of them.
    #[error(
        "{}: its {bytes} bytes are not one or more whole records of {record} bytes; it is truncated, \
         has something after its last record, or is another data set's, so unpack or download it again",
        .path.display()
    )]
    Records {
        /// The file.
        path: PathBuf,
        /// The file's size.
        bytes: usize,
        /// The size of one record: its labels and its pixels.
        record: usize,
    },
    /// A file was opened, but is no MAT file that holds SVHN's arrays.
    #[error("{}: {problem}", .path.display())]
    Mat {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: MatProblem,
    },
    /// An image folder, or a file in it, can't be used. With the feature `image`.
    #[cfg(feature = "image")]
    #[error("{}: {problem}", .path.display())]
    Folder {
        /// The folder or file at fault.
        path: PathBuf,
        /// What is wrong with it.
        problem: FolderProblem,
    },
    /// Files could not be downloaded. With the feature `download`.
    #[cfg(feature = "download")]
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// A table can't be read or used. With the feature `table`.
    #[cfg(feature = "table")]
    #[error("{}: {problem}", super::table::place(.path, *.line, .column.as_deref()))]
    Table {
        /// The file; `text` or `row` where there is none.
        path: PathBuf,
        /// The line, from 1, where it is about one.
        line: Option<u64>,
        /// The name of the column, where it is about one.
        column: Option<String>,
        /// What is wrong with it.
        problem: TableProblem,
    },
    /// Pixels and labels given in memory don't fit together.
    #[error(
        "{pixels} pixels and {labels} labels don't fit together: with {numel} pixels per image, \
         give {numel} times as many pixels as labels"
    )]
    PixelCount {
        /// Pixels given.
        pixels: usize,
        /// Labels given.
        labels: usize,
        /// Pixels per image.
        numel: usize,
    },
    /// A sample's input has another length than its shape.
    #[error(
        "an input of {found} numbers was given for a shape of {expected}; give one number per element"
    )]
    InputLength {
        /// Elements of the shape.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
    /// Arrays of inputs and targets don't fit together.
    #[error(
        "{inputs} numbers of inputs and {targets} of targets don't fit together: with {input} for each input and {target} for \
         each target, both must be whole samples, and as many"
    )]
    ArrayLengths {
        /// Numbers of all inputs.
        inputs: usize,
        /// Numbers of one input.
        input: usize,
        /// Numbers of all targets.
        targets: usize,
        /// Numbers of one target.
        target: usize,
    },
    /// A sequence is longer than its type says.
    #[error(
        "a sequence of {found} values was given for a length of {longest}; choose a longer one, or cut it with `Padded::cut`"
    )]
    SequenceLength {
        /// How many values fit.
        longest: usize,
        /// Values given.
        found: usize,
    },
    /// A share of a data set isn't one.
    #[error("a share of {share} is not above 0 and below 1; 0.8 stands for 80 % of the samples")]
    Share {
        /// The number given.
        share: f64,
    },
    /// A part of a data set would be empty.
    #[error(
        "of {len} samples, a share of {share} leaves one part without any; use more data, or another share"
    )]
    Split {
        /// The share.
        share: f64,
        /// The number of samples.
        len: usize,
    },
    /// A data set can't be split into so many folds.
    #[error(
        "{len} samples can't be dealt to {folds} folds; use 2 folds or more, and no more than samples"
    )]
    Folds {
        /// The number of folds.
        folds: usize,
        /// The number of samples.
        len: usize,
    },
    /// Groups that stay together are too few to be on several sides.
    #[error(
        "{groups} group(s) can't be dealt to {wanted} parts; use groups that are smaller, or fewer parts"
    )]
    Groups {
        /// How many groups there are.
        groups: usize,
        /// How many parts there should be.
        wanted: usize,
    },
    /// Weights that samples can't be drawn by.
    #[error(
        "weight {index} is {weight}; weights must be finite and not negative, and one of them above 0"
    )]
    Weight {
        /// The sample.
        index: usize,
        /// Its weight.
        weight: f64,
    },
    /// A sampler doesn't fit its data set.
    #[error(
        "a sampler for {expected} samples was given a data set of {found}; make it from the same data set"
    )]
    Sampler {
        /// Samples that the sampler was made for.
        expected: usize,
        /// Samples of the data set.
        found: usize,
    },
    /// More samples were to be drawn without replacement than there are.
    #[error(
        "{wanted} samples can't be drawn without replacement from {found} that have a weight above 0"
    )]
    TooMany {
        /// Samples to be drawn.
        wanted: usize,
        /// Samples that can be drawn.
        found: usize,
    },
    /// A class label is out of range.
    #[error(
        "{} is {label}, which is not below {classes}, the number of classes; labels count from 0",
        of_sample(*.index)
    )]
    Label {
        /// The sample's place in its data set, from 0; `None` of a sample that belongs to none yet.
        index: Option<usize>,
        /// The label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// An index is past the end of a data set.
    #[error("index {index} is past the end of a data set of {len} samples; indices count from 0")]
    Index {
        /// The index asked for.
        index: usize,
        /// The data set's length.
        len: usize,
    },
    /// A noise rate is no fraction.
    #[error("noise rate {rate} is not a number from 0 to 1; 0.4 stands for 40 % wrong labels")]
    Rate {
        /// The rate given.
        rate: f64,
    },
    /// There is no other class to take a wrong label from.
    #[error(
        "a data set with {classes} class(es) has no wrong label to give; noise needs 2 classes or more"
    )]
    NoOtherClass {
        /// The number of classes.
        classes: usize,
    },
    /// A probability isn't one.
    #[error("{p} is not a probability; give a number from 0 to 1")]
    Probability {
        /// The number given.
        p: f64,
    },
    /// A number of an augmentation is outside its range.
    #[error("`{name}` of {step} is {value}, but it must be {wanted}")]
    Augmentation {
        /// The augmentation.
        step: &'static str,
        /// Its number.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What it may be.
        wanted: &'static str,
    },
    /// A parameter of mixup's Beta distribution isn't a positive number.
    #[error("mixup's alpha is {alpha}, but it must be finite and above 0; 0.2 to 1 is usual")]
    Alpha {
        /// The number given.
        alpha: f64,
    },
    /// A data set can't be split into this many channels.
    #[error(
        "{channels} channels don't divide an image of {numel} numbers; give 1 or the image's channel count"
    )]
    Channels {
        /// Channels asked for.
        channels: usize,
        /// Numbers per image.
        numel: usize,
    },
    /// A mean or standard deviation can't be used to normalise.
    #[error(
        "mean {mean} and standard deviation {std} of channel {channel} can't normalise: both must be \
         finite and the deviation above 0; leave a constant channel as it is"
    )]
    Stats {
        /// The channel, from 0.
        channel: usize,
        /// The mean given.
        mean: f32,
        /// The standard deviation given.
        std: f32,
    },
    /// A data set has no sample.
    #[error(
        "the data set has no sample, so there is nothing to make a batch of; give it some data"
    )]
    Empty,
    /// A data set doesn't fill one batch.
    #[error(
        "a data set of {len} samples doesn't fill one batch of {batch}; use a smaller batch size or more data, \
         or `DataLoader::padded` (`chunks` takes any number of samples)"
    )]
    SmallerThanBatch {
        /// Samples in the data set.
        len: usize,
        /// The batch size.
        batch: usize,
    },
    /// A shard of a loader that isn't one of its ranks'.
    #[error("there is no rank {rank} of {size}; ranks are counted from 0")]
    Shard {
        /// The rank that was asked for.
        rank: usize,
        /// How many there are.
        size: usize,
    },
    /// A device couldn't build a batch.
    #[error(
        "the device couldn't build a batch of {batch} samples ({reason}); if it is out of memory, use smaller batches"
    )]
    Device {
        /// Samples in the batch.
        batch: usize,
        /// The device's own words.
        reason: String,
    },
    /// For [`Dataset`](super::Dataset)s outside this crate: an error of their own.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

crate::debug::debug_as_display!(DataError);

impl DataError {
    /// The same, which says that the label is that of sample `index`, where it doesn't say of which one.
    pub(super) fn of_sample(self, sample: usize) -> Self {
        match self {
            Self::Label {
                index: None,
                label,
                classes,
            } => Self::Label {
                index: Some(sample),
                label,
                classes,
            },
            other => other,
        }
    }
}

fn of_sample(index: Option<usize>) -> String {
    match index {
        Some(index) => format!("the label of sample {index}"),
        None => "the label of a sample".to_owned(),
    }
}
