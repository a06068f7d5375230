//! Images from a folder with one sub-folder per class.
//!
//! | file | what it holds |
//! |---|---|
//! | `scan` | finding the classes and their files |
//! | `names` | the list of those files |
//! | `decode` | from a file to the bytes of its picture |
//! | `jpeg` | the same for JPEG files |
//! | `pixels` | what decoders give, and the channels that are made of it |
//! | `memory` | the memory that one picture may take |
//! | `upright` | turning a picture as its EXIF data asks for |
//! | `fit` | [`Fit`]: what happens to pictures of other sizes |
//! | `input` | [`PictureInput`]: all of that, from a file to numbers |
//! | `problem` | [`FolderProblem`]: what can be wrong |

mod decode;
mod fit;
mod input;
mod jpeg;
mod memory;
mod names;
mod pixels;
mod problem;
mod scan;
mod upright;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

#[cfg(feature = "fuzzing")]
pub(super) use self::decode::picture;
pub use self::fit::Fit;
pub use self::input::PictureInput;
pub use self::problem::FolderProblem;

use self::names::Files;
use super::dataset::check_index;
use super::{
    ChannelStats, DataError, Dataset, ImageDataset, ImageShape, Images, Labelled, Region, Sample,
};

/// What an [`ImageFolder`] has passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Files in the class folders, by the ending of their names in small letters (`webp`; empty for none).
    pub files: BTreeMap<String, usize>,
    /// Folders that are no class's: those that [`ImageFolder::open_with`] was not given.
    pub folders: Vec<String>,
}

/// JPEG and PNG files in a folder with one sub-folder per class, as torchvision's `ImageFolder` reads
/// them; each is decoded when its sample is asked for. Needs the feature `image`.
///
/// The classes are the sorted names of the sub-folders, and a class's files are those that end in
/// `.jpg`, `.jpeg` or `.png` (in any case), sorted, in the sub-folder itself and in folders below it. The
/// features `webp`, `bmp` and `gif` add the endings of their names (and of a GIF file, the first picture).
/// Files of other endings are skipped and [counted](Self::skipped); everything whose name begins with a dot
/// is skipped. The order is the same on every file system.
///
/// A label is a place among the names. A second folder, for testing, may have classes of other names, or
/// lack one; so open it [with the classes](Self::open_with) of the first.
///
/// `S` is the shape of an image: `Rank3<3, H, W>` for red, green and blue, `Rank3<1, H, W>` (or
/// `Rank2<H, W>`) for grey. Pictures are converted to it: colours to grey by the weights of ITU-R 601
/// as PIL does, 16 bits to the higher 8, and transparency is dropped. Pictures of another size are an error unless
/// [`fit`](Self::fit) says otherwise. As in torchvision, the orientation in a file's EXIF data is **not**
/// applied, unless [`upright`](Self::upright) asks for it. PNG files give the bytes that PIL gives, but for grey
/// ones of 16 bits, where it makes all from 256 on white; JPEG decoders differ by a few levels in a pixel.
/// A picture may take 512 MiB while it is decoded; a larger one is an error.
///
/// Only names are held: 48 bytes for each file of ImageNet, of 1.28 million 61 MB, once for all workers, read in two
/// seconds. A [`DataLoader`](super::DataLoader)'s order of an epoch takes 8 bytes for each, too; with both, a program
/// peaked at 93 MB before its batches. Where all images fit into memory,
/// [`load`](Self::load) saves decoding them anew in every epoch.
///
/// [`Augment::resized_crop`](super::Augment::resized_crop) takes parts of the pictures in the files, so that none of
/// them has to be fitted first.
///
/// ```no_run
/// use dfdx::prelude::*;
/// use sam_runtime::data::{Augment, DataLoader, Fit, ImageFolder};
///
/// # fn main() -> Result<(), sam_runtime::data::DataError> {
/// type Flowers = ImageFolder<Rank3<3, 64, 64>, 5>;
///
/// let flowers = Flowers::open("flowers/train")?.fit(Fit::Crop);
/// let test = Flowers::open_with("flowers/test", flowers.classes())?.fit(Fit::Crop);
/// println!("{:?}, without {:?}", flowers.classes(), flowers.skipped().files);
/// // Before a long run: what can't be read.
/// for error in flowers.check().into_iter().chain(test.check()) {
///     println!("{error}");
/// }
///
/// let train = DataLoader::<_, 32>::new(flowers)?.augment(Augment::basic());
/// for batch in train.try_epoch(&Cpu::default(), 0) {
///     let (x, _y) = batch?;
///     let _x: Tensor<Rank4<32, 3, 64, 64>, f32, Cpu> = x;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder<S, const CLASSES: usize> {
    classes: Vec<String>,
    files: Files,
    skipped: Skipped,
    input: PictureInput,
    shape: PhantomData<S>,
}

impl<S: ImageShape, const CLASSES: usize> ImageFolder<S, CLASSES> {
    /// The images below `dir`. Reads folders, but no file: an image that can't be decoded is found
    /// when it is asked for.
    ///
    /// Shapes of other than 1 or 3 channels, or without pixels, don't compile.
    ///
    /// # Errors
    /// [`DataError::Folder`] if `dir` is no folder, doesn't hold `CLASSES` class folders, one of them has no
    /// images, or one that is a pipe or a device; [`DataError::Open`] for a folder that can't be read.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, DataError> {
        Ok(Self::new(scan::scan(dir.as_ref(), CLASSES)?))
    }

    /// The images below `dir` of the classes with these names: a class's label is its place among them.
    /// Folders of other names are passed over, and told by [`skipped`](Self::skipped).
    ///
    /// For a second folder of the same classes, as [`open`](Self::open) would number those that it has; for
    /// an order of one's own; or for some of many classes.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`DataError::Folder`] unless there are `CLASSES` names, all different,
    /// each of a folder.
    pub fn open_with(
        dir: impl AsRef<Path>,
        classes: &[impl AsRef<str>],
    ) -> Result<Self, DataError> {
        let dir = dir.as_ref();
        if classes.len() != CLASSES {
            let (given, expected) = (classes.len(), CLASSES);
            return Err(problem_of(dir, FolderProblem::Names { given, expected }));
        }
        let names: Vec<&str> = classes.iter().map(AsRef::as_ref).collect();
        Ok(Self::new(scan::scan_classes(dir, &names)?))
    }

    fn new(found: scan::Found) -> Self {
        Self {
            classes: found.classes,
            files: found.files,
            skipped: found.skipped,
            input: PictureInput::of::<S>(),
            shape: PhantomData,
        }
    }

    /// The same images, with pictures of other sizes treated like this; [`Fit::Exact`] at first.
    pub fn fit(self, fit: Fit) -> Self {
        let input = self.input.fit(fit);
        Self { input, ..self }
    }

    /// The same images, each turned as the EXIF data of its file asks for, as cameras write it and PIL's
    /// `ImageOps.exif_transpose` does it.
    pub fn upright(self) -> Self {
        let input = self.input.upright();
        Self { input, ..self }
    }

    /// The same images, giving `(pixel - mean) / std` of each channel instead of 0 to 1, as
    /// [`Images::normalized`] does.
    ///
    /// # Errors
    /// As [`Images::normalized`].
    pub fn normalized(self, stats: &[ChannelStats]) -> Result<Self, DataError> {
        let input = self.input.normalized(stats)?;
        Ok(Self { input, ..self })
    }

    /// The names of the classes, by label. Characters that aren't Unicode are replaced.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What is done to each picture, for whoever predicts of others what was learned of these.
    pub fn input(&self) -> &PictureInput {
        &self.input
    }

    /// What was passed over.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Decodes and fits all images, on all threads, and keeps none: the errors of those that fail, in the
    /// order of the images. They are what [`get`](Dataset::get) would give in the middle of a run.
    pub fn check(&self) -> Vec<DataError> {
        let read = (0..self.files.len()).into_par_iter();
        let read = read.map(|index| self.input.bytes(&self.files.path(index)).err());
        read.flatten_iter().collect()
    }

    /// The file of the image at `index`.
    ///
    /// # Errors
    /// [`DataError::Index`] past the end.
    pub fn path(&self, index: usize) -> Result<PathBuf, DataError> {
        check_index(index, self.files.len())?;
        Ok(self.files.path(index))
    }

    /// All images, decoded and fitted, on all threads: `S::NUMEL` bytes of memory each. Normalised as
    /// these are.
    ///
    /// # Errors
    /// As [`get`](Dataset::get), of the first file that fails.
    pub fn load(&self) -> Result<Images<S, CLASSES>, DataError> {
        let mut pixels = vec![0; self.files.len() * S::NUMEL];
        let failed = pixels
            .par_chunks_exact_mut(S::NUMEL)
            .enumerate()
            .find_map_first(
                |(index, image)| match self.input.bytes(&self.files.path(index)) {
                    Ok(bytes) => {
                        image.copy_from_slice(&bytes);
                        None
                    }
                    Err(error) => Some(error),
                },
            );
        if let Some(error) = failed {
            return Err(error);
        }
        let labels = (0..self.files.len()).map(|index| self.files.class(index));
        let labels = labels.collect();
        Ok(Images::new(pixels, labels)?.with_values(self.input.values.clone()))
    }
}

/// Reading a sample can fail: [`DataError::Open`] if its file has gone, [`DataError::Folder`] if it
/// can't be decoded or fitted.
impl<S: ImageShape, const CLASSES: usize> Dataset for ImageFolder<S, CLASSES> {
    type Item = Sample<S, CLASSES>;

    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        self.sample_of(index, &self.bytes(index)?)
    }
}

impl<S: ImageShape, const CLASSES: usize> ImageDataset for ImageFolder<S, CLASSES> {
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        self.input.bytes(&self.path(index)?).map(Cow::Owned)
    }

    fn part(
        &self,
        index: usize,
        choose: &mut dyn FnMut([usize; 2]) -> Region,
    ) -> Result<Option<Vec<u8>>, DataError> {
        let path = self.path(index)?;
        let (picture, region) =
            decode::decode_part(&path, S::CHANNELS, self.input.upright, choose)?;
        Ok(Some(region.of(&picture, [S::HEIGHT, S::WIDTH])))
    }

    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError> {
        let label = self.label(index)?;
        Sample::new(self.input.numbers(bytes)?, label)
    }
}

impl<S: ImageShape, const CLASSES: usize> Labelled for ImageFolder<S, CLASSES> {
    fn label(&self, index: usize) -> Result<usize, DataError> {
        check_index(index, self.files.len())?;
        Ok(self.files.class(index))
    }
}

fn problem_of(path: &Path, problem: FolderProblem) -> DataError {
    DataError::Folder {
        path: path.into(),
        problem,
    }
}

#[cfg(test)]
mod tests;
