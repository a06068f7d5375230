//! Datasets, label noise, augmentation and the loader that makes batches of them.
//!
//! A [`Dataset`] hands out host-side [`Sample`]s by index; adapters wrap it; [`DataLoader`] turns it
//! into statically shaped device batches. Tensors appear only in that last step.
//!
//! | file | what it holds |
//! |---|---|
//! | `dataset` | [`Dataset`], [`Labelled`], [`TakeFirst`], and the traits through references and smart pointers |
//! | `sample` | [`Sample`]: one flat input of a static shape and its class |
//! | `collate` | [`Collate`]: what other samples are made of, and how many of them become tensors |
//! | `in_memory` | [`InMemory`], [`TensorDataset`], [`from_fn`]: data sets of arrays and functions |
//! | `images` | [`Images`]: labelled 8-bit images in memory, and their normalisation ([`ChannelStats`]) |
//! | `idx` | [`Idx`]: the array format of the MNIST family, plain or gzipped |
//! | `mnist` | [`Mnist`]: the four standard files in a folder |
//! | `cifar` | [`Cifar10`], [`Cifar100`]: the binary files in a folder |
//! | `svhn` | [`Svhn`]: cropped digits from MAT files |
//! | `folder` | `ImageFolder`: JPEG and PNG files in one folder per class, with the feature `image` |
//! | `table` | CSV files: columns of numbers and categories, gaps, scaling, with the feature `table` |
//! | `download` | the public data sets from their mirrors, with the feature `download` |
//! | `facts` | what a loader tells the run that follows it |
//! | `files` | finding and reading the files above |
//! | `fuzzing` | parsers from bytes, for the fuzz targets alone |
//! | `glyphs` | [`Glyphs`]: digits that the crate draws itself; no download |
//! | `noise` | [`LabelNoise`]: wrong labels, exactly as many as asked for |
//! | `image_set` | [`ImageDataset`], [`ImageShape`]: images whose bytes can be changed before they become numbers |
//! | `transform` | [`Transform`]: what happens to samples between a data set and a batch |
//! | `augment` | [`Augment`]: crops, flips, colours, AutoAugment and RandAugment, Cutout, erasing, mixup, label smoothing |
//! | `resize` | resizing, to the byte as PIL does it; [`Region`] |
//! | `subset` | [`Subset`]: some of the samples of a data set |
//! | `adapters` | [`Map`], [`TryMap`], [`Join`] |
//! | `splits` | held-out parts and folds, stratified or by groups |
//! | `order` | [`epoch_order`]: the sample order as a function of (seed, epoch) |
//! | `sampler` | [`Sampler`]: epochs that draw samples by weight, or balance their classes |
//! | `loader` | [`DataLoader`]: batches of a static size, epoch by epoch, from any [`Position`] on |
//! | `plan` | which samples make up a batch, and how one is read; [`LastBatch`] |
//! | `workers` | threads that read batches ahead |
//! | `iter` | the iterators over batches, and [`chunks`]: a whole data set in order |
//! | `batch` | [`BatchShape`] and the step from samples to tensors |
//! | `classifier` | [`Classifier`], [`TrainingDevice`]: what a generic loop asks of network and device |
//! | `stream` | the random streams that all of the above draw from |
//! | `error` | [`DataError`]; [`IdxProblem`], [`MatProblem`] and `FolderProblem` stand beside their formats |
//!
//! Everything random here is a pure function of a seed and an index. Nothing draws from a global
//! or thread-local generator, so equal arguments give equal data in any order and on any thread.
//!
//! ```
//! use dfdx::prelude::*;
//! use sam_runtime::data::{DataLoader, Dataset, Glyphs, LabelNoise};
//!
//! # fn main() -> Result<(), sam_runtime::data::DataError> {
//! let dev = Cpu::default();
//! let noisy = LabelNoise::symmetric(Glyphs::train(200, 1), 0.4, 7)?;
//! assert_eq!(noisy.changed(), 80);
//!
//! let train = DataLoader::<_, 32>::new(noisy)?.seed(3);
//! for epoch in 0..2 {
//!     for (x, y) in train.epoch(&dev, epoch) {
//!         let _x: Tensor<Rank2<32, 784>, f32, Cpu> = x;
//!         let _y: Tensor<Rank2<32, 10>, f32, Cpu> = y;
//!     }
//! }
//!
//! // Evaluation: every sample once, in order, the last chunk as small as it comes.
//! let seen: usize = train.chunks(&dev, 64).map(|(x, _y)| x.shape().0).sum();
//! assert_eq!(seen, train.dataset().len());
//! # Ok(())
//! # }
//! ```

mod adapters;
mod augment;
mod batch;
mod cifar;
mod classifier;
mod collate;
mod dataset;
#[cfg(feature = "download")]
pub mod download;
mod error;
mod facts;
mod files;
#[cfg(feature = "image")]
mod folder;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod glyphs;
mod idx;
mod image_set;
mod images;
mod in_memory;
mod iter;
mod loader;
mod mnist;
mod noise;
mod order;
mod plan;
mod resize;
mod sample;
mod sampler;
mod splits;
mod stream;
mod subset;
mod svhn;
#[cfg(feature = "table")]
pub mod table;
mod transform;
mod workers;

pub use adapters::{Join, Map, TryMap};
pub use augment::{Augment, Jitter, Padding, Policy};
pub use batch::{Batch, BatchShape, Chunk};
pub use cifar::{Cifar10, Cifar100};
pub use classifier::{Classifier, TrainingDevice};
pub use collate::{Class, Collate, Element, HasClass, Padded, Part, Ragged, Tensors, Values};
pub use dataset::{Dataset, Labelled, TakeFirst};
pub use error::DataError;
#[cfg(feature = "image")]
pub use folder::{Fit, FolderProblem, ImageFolder, PictureInput, Skipped};
pub use glyphs::Glyphs;
pub use idx::{Idx, IdxProblem};
pub use image_set::{ImageDataset, ImageShape};
pub use images::{ChannelStats, Images};
pub use in_memory::{FromFn, InMemory, TensorDataset, from_fn};
pub use iter::{OrPanic, TryChunks, TryDynamicEpoch, TryEpoch, chunks, try_chunks};
pub use loader::DataLoader;
#[doc(hidden)]
pub use loader::HasBatches;
pub use mnist::Mnist;
pub use noise::{LabelNoise, next_class};
pub use order::epoch_order;
pub use plan::LastBatch;
pub use resize::Region;
pub use sample::Sample;
pub use sampler::{BalancedSampler, Sampler, WeightedSampler};
pub use splits::{PartOf, TwoParts};
pub use subset::Subset;
pub use svhn::{MatProblem, Svhn};
pub use transform::{Draw, Plain, Transform};

pub use crate::position::Position;
