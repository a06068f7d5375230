//! Augmentation: changes of training images that keep their class, anew in every epoch.
//!
//! | file | what it holds |
//! |---|---|
//! | `resized_crop` | random parts of pictures of any size, resized |
//! | `shift` | random crops and flips |
//! | `jitter` | random changes of colours |
//! | `hue` | colours turned, by way of HSV |
//! | `blend` | operations that move an image away from a duller version of itself |
//! | `autoaugment` | AutoAugment and RandAugment, their policies and operations |
//! | `erase` | Cutout and random erasing |
//! | `mixup` | mixup |
//! | `picture` | the bytes of one image, as the operations see them |

mod autoaugment;
mod blend;
mod erase;
mod hue;
mod jitter;
mod mixup;
pub(super) mod picture;
mod resized_crop;
mod shift;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use rand_chacha::ChaCha8Rng;
use rand_distr::Beta;

pub use self::autoaugment::Policy;
pub use self::jitter::Jitter;
pub use self::shift::Padding;

use self::picture::Picture;
use super::stream::Purpose;
use super::{DataError, Draw, ImageDataset, ImageShape, Sample, Transform};

/// A pipeline of augmentations, for [`DataLoader::augment`](super::DataLoader::augment).
///
/// Steps on an image's bytes (0 to 255, before normalisation) run in the order in which they are
/// added: crops, flips, colours, AutoAugment, erasing. Bytes, because AutoAugment's operations are defined on
/// them, so that they give here exactly what they give there. [Resized crops](Self::resized_crop) come before all of
/// them, on the picture as it was before it had the data set's size. [Cutout](Self::cutout)
/// follows on the normalised numbers, where 0 is the mean colour; [label smoothing](Self::label_smoothing) and
/// [mixup](Self::mixup) come last, on whole batches.
///
/// All of it is a pure function of (seed, epoch, index): neither the order in which samples are read
/// nor an earlier epoch plays a part.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::data::{Augment, DataLoader, Images, Padding};
///
/// # fn main() -> Result<(), sam_runtime::data::DataError> {
/// let images = Images::<Rank3<3, 8, 8>, 2>::new(vec![128; 40 * 192], vec![1; 40])?;
/// let train = DataLoader::<_, 16>::new(images)?.augment(Augment::basic().cutout(4));
/// for (x, _y) in train.epoch(&Cpu::default(), 0) {
///     let _x: Tensor<Rank4<16, 3, 8, 8>, f32, Cpu> = x;
/// }
///
/// // Or from single steps.
/// let own = Augment::new().crop(2, Padding::Reflect).erase(0.25)?.mixup(0.2)?;
/// let _train = train.augment(own);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Augment {
    resized_crop: Option<RangeInclusive<f64>>,
    steps: Vec<Step>,
    cutout: Option<usize>,
    smoothing: f32,
    mixup: Option<Beta<f64>>,
}

/// What is done to an image's bytes.
#[derive(Clone, Copy, Debug)]
enum Step {
    Crop { pixels: usize, padding: Padding },
    Flip,
    Jitter(Jitter),
    AutoAugment(Policy),
    RandAugment { operations: usize, magnitude: u8 },
    Erase { p: f64 },
}

impl Augment {
    /// No augmentation yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What nearly all training on CIFAR does: crops after padding with 4 black pixels, and flips.
    pub fn basic() -> Self {
        Self::new().crop(4, Padding::Zero).flip()
    }

    /// The "basic" of the SAM paper's tables, as in its code: flips, then crops after padding with 4
    /// reflected pixels.
    pub fn paper_basic() -> Self {
        Self::new().flip().crop(4, Padding::Reflect)
    }

    /// The "Cutout" of the SAM paper's tables: [`paper_basic`](Self::paper_basic), then Cutout of 16
    /// pixels.
    ///
    /// Each image has a box of its own; the paper's code draws one for the whole batch.
    pub fn paper_cutout() -> Self {
        Self::paper_basic().cutout(16)
    }

    /// The "AA" of the SAM paper's tables for CIFAR, as in its code: AutoAugment by
    /// [`Policy::PaperCifar`], then [`paper_cutout`](Self::paper_cutout).
    ///
    /// With torchvision's policy, which most other code has:
    /// `Augment::new().autoaugment(Policy::Cifar10).flip().crop(4, Padding::Reflect).cutout(16)`.
    pub fn paper_autoaugment() -> Self {
        Self::new()
            .autoaugment(Policy::PaperCifar)
            .flip()
            .crop(4, Padding::Reflect)
            .cutout(16)
    }

    /// What training on ImageNet begins with in torchvision, timm and the SAM paper's code: [resized
    /// crops](Self::resized_crop) of 8 % to all of a picture, and flips.
    pub fn imagenet() -> Self {
        let resized_crop = Some(resized_crop::USUAL);
        Self {
            resized_crop,
            ..Self::default()
        }
        .flip()
    }

    /// Cuts a part out of the picture at random, and resizes it to the size of the data set's images: torchvision's
    /// `RandomResizedCrop` (Szegedy et al., [CVPR 2015](https://arxiv.org/abs/1409.4842), section 6). The part has
    /// such a share of the picture's pixels (0.08 to 1 there), and is 3/4 to 4/3 times as wide as high, whatever the
    /// shape of the data set's images; where ten parts drawn at random don't fit into the picture, the largest one of
    /// that kind in its middle is taken.
    ///
    /// Of an `ImageFolder` it is a part of the picture in the file, whatever its `Fit`; of images in memory it is a
    /// part of these. It comes before all other steps. Replaces an earlier one.
    ///
    /// # Errors
    /// [`DataError::Augmentation`] unless `0 < start <= end <= 1`.
    pub fn resized_crop(self, share: RangeInclusive<f64>) -> Result<Self, DataError> {
        let resized_crop = Some(resized_crop::checked(share)?);
        Ok(Self {
            resized_crop,
            ..self
        })
    }

    /// Pads by `pixels` on each side and cuts a piece of the old size out at a random place.
    pub fn crop(self, pixels: usize, padding: Padding) -> Self {
        self.step(Step::Crop { pixels, padding })
    }

    /// Mirrors one image in two, left to right. Not for digits or letters.
    pub fn flip(self) -> Self {
        self.step(Step::Flip)
    }

    /// Changes brightness, contrast, saturation and hue at random: torchvision's `ColorJitter`, to the byte as it is on
    /// PIL images. Of grey images, the latter two stay as they are.
    ///
    /// # Errors
    /// [`DataError::Augmentation`] for a number outside its range; see [`Jitter`].
    pub fn color_jitter(self, jitter: Jitter) -> Result<Self, DataError> {
        jitter.check()?;
        Ok(self.step(Step::Jitter(jitter)))
    }

    /// RandAugment (Cubuk et al., [NeurIPS 2020](https://arxiv.org/abs/1909.13719)): so many operations, each one of 14
    /// at random, all of the same magnitude, from 0 to 30. torchvision's, with 2 and 9 by default there; to the byte
    /// as it is on PIL images. Of grey images, the operation "Color" changes nothing.
    ///
    /// # Errors
    /// [`DataError::Augmentation`] for a magnitude above 30.
    pub fn randaugment(self, operations: usize, magnitude: u8) -> Result<Self, DataError> {
        if magnitude >= autoaugment::MAGNITUDES {
            return Err(DataError::Augmentation {
                step: "RandAugment",
                name: "magnitude",
                value: magnitude.into(),
                wanted: "from 0 to 30",
            });
        }
        Ok(self.step(Step::RandAugment {
            operations,
            magnitude,
        }))
    }

    /// AutoAugment (Cubuk et al., [CVPR 2019](https://arxiv.org/abs/1805.09501)): one of the policy's
    /// pairs of operations.
    ///
    /// Operations and magnitudes give the bytes that they give in the code whose the [`Policy`] is: torchvision's
    /// on PIL images, or the SAM paper's on TensorFlow. Of grey images, the operation "Color" changes nothing.
    pub fn autoaugment(self, policy: Policy) -> Self {
        self.step(Step::AutoAugment(policy))
    }

    /// Random erasing (Zhong et al., [AAAI 2020](https://arxiv.org/abs/1708.04896)): with probability
    /// `p` (0.5 in the paper), a box of 2 % to 40 % of the image, with an aspect of 0.3 to 1/0.3, is
    /// filled with random bytes. A rare box that never fits the image's shape is left out.
    ///
    /// # Errors
    /// [`DataError::Probability`] unless `p` lies from 0 to 1.
    pub fn erase(self, p: f64) -> Result<Self, DataError> {
        if !(0.0..=1.0).contains(&p) {
            return Err(DataError::Probability { p });
        }
        Ok(self.step(Step::Erase { p }))
    }

    /// Cutout (DeVries & Taylor, [2017](https://arxiv.org/abs/1708.04552)): sets a box of `side` x
    /// `side` pixels to 0 after normalisation, which is the mean colour of
    /// [normalised](super::Images::normalized) images and black of others. Replaces an earlier one.
    ///
    /// The box's centre is uniform over the pixels, so part of the box may lie outside. 16 is usual
    /// for CIFAR. An odd `side` is taken as it is; the code of both papers would cut a box of `side - 1`.
    pub fn cutout(self, side: usize) -> Self {
        Self {
            cutout: Some(side),
            ..self
        }
    }

    /// Mixup (Zhang et al., [ICLR 2018](https://arxiv.org/abs/1710.09412)): each sample of a batch
    /// becomes `lambda` of itself and `1 - lambda` of another, target included, with one
    /// `lambda ~ Beta(alpha, alpha)` per batch. Replaces an earlier one.
    ///
    /// # Errors
    /// [`DataError::Alpha`] unless `alpha` is finite and above 0.
    pub fn mixup(self, alpha: f64) -> Result<Self, DataError> {
        // Twice `alpha` must be finite too; `lambda` has long been one half there.
        let shape = alpha.min(f64::MAX / 4.0);
        let weights = Beta::new(shape, shape).ok().filter(|_| alpha.is_finite());
        let mixup = Some(weights.ok_or(DataError::Alpha { alpha })?);
        Ok(Self { mixup, ..self })
    }

    /// Label smoothing (Szegedy et al., [CVPR 2016](https://arxiv.org/abs/1512.00567), section 7): of a one-hot target,
    /// `epsilon` is spread over all classes, so that the right one has `1 - epsilon + epsilon / CLASSES`. The loss is
    /// then that of PyTorch's `CrossEntropyLoss(label_smoothing = epsilon)`; 0.1 is usual. Before mixup. Replaces an
    /// earlier one.
    ///
    /// # Errors
    /// [`DataError::Augmentation`] unless `0 <= epsilon < 1`.
    pub fn label_smoothing(self, epsilon: f64) -> Result<Self, DataError> {
        if !(0.0..1.0).contains(&epsilon) {
            return Err(DataError::Augmentation {
                step: "label smoothing",
                name: "epsilon",
                value: epsilon,
                wanted: "at least 0, and below 1",
            });
        }
        let smoothing = epsilon as f32;
        Ok(Self { smoothing, ..self })
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Step {
    fn apply(self, picture: &mut Picture, rng: &mut ChaCha8Rng) {
        match self {
            Self::Crop { pixels, padding } => shift::crop(picture, pixels, padding, rng),
            Self::Flip => shift::flip(picture, rng),
            Self::Jitter(jitter) => jitter.apply(picture, rng),
            Self::AutoAugment(policy) => autoaugment::autoaugment(picture, policy, rng),
            Self::RandAugment {
                operations,
                magnitude,
            } => autoaugment::randaugment(picture, operations, magnitude, rng),
            Self::Erase { p } => erase::erase(picture, p, rng),
        }
    }
}

impl Augment {
    /// The bytes of an image, before the steps.
    fn bytes<'a, Ds: ImageDataset, S: ImageShape>(
        &self,
        dataset: &'a Ds,
        index: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Cow<'a, [u8]>, DataError> {
        let Some(share) = &self.resized_crop else {
            return dataset.bytes(index);
        };
        let mut choose = |size| resized_crop::region(size, share, rng);
        if let Some(bytes) = dataset.part(index, &mut choose)? {
            return Ok(bytes.into());
        }
        let picture = Picture::whole::<S>(dataset.bytes(index)?.into_owned());
        let region = choose([S::HEIGHT, S::WIDTH]);
        Ok(region.of(&picture, [S::HEIGHT, S::WIDTH]).into())
    }
}

/// For images of 1 or 3 channels and at least one pixel; others don't compile.
impl<Ds, S, const CLASSES: usize> Transform<Ds> for Augment
where
    Ds: ImageDataset<Item = Sample<S, CLASSES>>,
    S: ImageShape,
{
    fn sample(&self, dataset: &Ds, draw: Draw) -> Result<Ds::Item, DataError> {
        const {
            assert!(
                matches!(S::CHANNELS, 1 | 3) && S::HEIGHT > 0 && S::WIDTH > 0,
                "augmentation is for images of 1 or 3 channels"
            )
        };
        let mut rng = draw.stream(Purpose::Augment);
        let bytes = self.bytes::<_, S>(dataset, draw.index, &mut rng)?;
        let mut sample = if self.steps.is_empty() {
            dataset.sample_of(draw.index, &bytes)?
        } else {
            let mut picture = Picture::whole::<S>(bytes.into_owned());
            for step in &self.steps {
                step.apply(&mut picture, &mut rng);
            }
            dataset.sample_of(draw.index, &picture.bytes)?
        };
        if let Some(side) = self.cutout {
            erase::cutout(sample.input_mut(), [S::HEIGHT, S::WIDTH], side, &mut rng);
        }
        Ok(sample)
    }

    fn batch(&self, inputs: &mut [f32], targets: &mut [f32], rows: usize, draw: Draw) {
        if self.smoothing > 0.0 {
            let everywhere = self.smoothing / CLASSES as f32;
            for target in &mut *targets {
                *target = (1.0 - self.smoothing) * *target + everywhere;
            }
        }
        if let Some(weights) = self.mixup {
            let mut rng = draw.stream(Purpose::Mixup);
            mixup::mixup(inputs, targets, rows, weights, &mut rng);
        }
    }
}

#[cfg(test)]
mod tests;
