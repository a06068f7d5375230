//! From the file of a picture to the numbers that a network is given.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Fit, decode, fit::fitted, problem_of};
use crate::data::{
    ChannelStats, DataError, ImageShape,
    augment::picture::Picture,
    images::{ByteValues, numbers, tables},
};

/// How a picture becomes the input of a network: its size, what happens to pictures of other sizes, whether it is turned upright,
/// and what its channels are normalized by. An [`ImageFolder`](super::ImageFolder) does this to its files
/// ([`ImageFolder::input`](super::ImageFolder::input)), and a predictor to the pictures that it is given. Needs the feature `image`.
///
/// It is a value for `serde`, with the names `channels`, `height`, `width`, `fit`, `upright`, `mean` and `std`.
///
/// ```no_run
/// use dfdx::prelude::*;
/// use sam_runtime::data::{ChannelStats, Fit, PictureInput};
///
/// // As networks are tested on ImageNet.
/// let [mean, std] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
/// let stats = [0, 1, 2].map(|channel| ChannelStats { mean: mean[channel], std: std[channel] });
/// let input = PictureInput::of::<Rank3<3, 224, 224>>().fit(Fit::CropFrom(256)).normalized(&stats)?;
/// let numbers: Vec<f32> = input.read("leaf.jpg")?;
/// assert_eq!(numbers.len(), 3 * 224 * 224);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct PictureInput {
    /// Channels, rows, columns.
    shape: [usize; 3],
    fit: Fit,
    pub(super) upright: bool,
    stats: Vec<ChannelStats>,
    /// For each of `stats`, the number that each byte stands for.
    pub(super) values: Vec<ByteValues>,
}

impl PictureInput {
    /// Images of the shape `S`, whose numbers are 0 to 1; pictures of other sizes are an error.
    ///
    /// Shapes of other than 1 or 3 channels, or without pixels, don't compile.
    pub fn of<S: ImageShape>() -> Self {
        const {
            assert!(
                matches!(S::CHANNELS, 1 | 3) && S::HEIGHT > 0 && S::WIDTH > 0,
                "pictures become images of 1 or 3 channels"
            )
        };
        Self {
            shape: [S::CHANNELS, S::HEIGHT, S::WIDTH],
            fit: Fit::default(),
            upright: false,
            stats: vec![ChannelStats::UNIT],
            values: vec![ChannelStats::UNIT.values()],
        }
    }

    /// The same, with pictures of other sizes treated like this.
    pub fn fit(self, fit: Fit) -> Self {
        Self { fit, ..self }
    }

    /// The same, with each picture turned as the EXIF data of its file asks for.
    pub fn upright(self) -> Self {
        let upright = true;
        Self { upright, ..self }
    }

    /// The same, giving `(pixel - mean) / std` of each channel instead of 0 to 1. One entry holds for all channels.
    ///
    /// # Errors
    /// As [`Images::normalized`](crate::data::Images::normalized).
    pub fn normalized(self, stats: &[ChannelStats]) -> Result<Self, DataError> {
        let values = tables(self.numel(), stats)?;
        let stats = stats.to_vec();
        Ok(Self {
            stats,
            values,
            ..self
        })
    }

    /// Channels, rows and columns of an image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The numbers of the picture in a file: channel by channel, row by row.
    ///
    /// # Errors
    /// [`DataError::Open`] for a file that can't be opened; [`DataError::Folder`] for one that can't be decoded or fitted.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<f32>, DataError> {
        self.numbers(&self.bytes(path.as_ref())?)
    }

    /// The numbers of the picture in `file`, the bytes of a JPEG or PNG file. Errors call it `picture`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn decode(&self, file: &[u8]) -> Result<Vec<f32>, DataError> {
        let path = Path::new("picture");
        let picture = decode::decode_bytes(path, file, self.shape[0], self.upright)?;
        self.numbers(&self.fitted(path, picture)?)
    }

    /// The bytes of the picture in a file, one for each number.
    pub(super) fn bytes(&self, path: &Path) -> Result<Vec<u8>, DataError> {
        let picture = decode::decode(path, self.shape[0], self.upright)?;
        self.fitted(path, picture)
    }

    fn fitted(&self, path: &Path, picture: Picture) -> Result<Vec<u8>, DataError> {
        let [_, height, width] = self.shape;
        fitted(picture, [height, width], self.fit).map_err(|problem| problem_of(path, problem))
    }

    /// The numbers that an image's bytes stand for.
    pub(super) fn numbers(&self, bytes: &[u8]) -> Result<Vec<f32>, DataError> {
        numbers(self.numel(), bytes, &self.values)
    }

    fn numel(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a file says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    channels: usize,
    height: usize,
    width: usize,
    fit: Fit,
    upright: bool,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl From<PictureInput> for Written {
    fn from(input: PictureInput) -> Self {
        let [channels, height, width] = input.shape;
        let stats = input.stats.iter();
        Self {
            channels,
            height,
            width,
            fit: input.fit,
            upright: input.upright,
            mean: stats.clone().map(|stats| stats.mean).collect(),
            std: stats.map(|stats| stats.std).collect(),
        }
    }
}

impl TryFrom<Written> for PictureInput {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let shape = [written.channels, written.height, written.width];
        let numel = shape
            .iter()
            .try_fold(1_usize, |all, &side| all.checked_mul(side));
        let Some(numel) = numel.filter(|&numel| numel > 0 && matches!(shape[0], 1 | 3)) else {
            let [channels, height, width] = shape;
            return Err(format!(
                "{channels} channels of {height} x {width} pixels are no picture"
            ));
        };
        let (mean, std) = (written.mean, written.std);
        if mean.len() != std.len() {
            let (mean, std) = (mean.len(), std.len());
            return Err(format!(
                "there are {mean} means, but {std} standard deviations"
            ));
        }
        let stats: Vec<_> = mean
            .into_iter()
            .zip(std)
            .map(|(mean, std)| ChannelStats { mean, std })
            .collect();
        let values = tables(numel, &stats).map_err(|error| error.to_string())?;
        Ok(Self {
            shape,
            fit: written.fit,
            upright: written.upright,
            stats,
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use dfdx::shapes::Rank3;

    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let stats = [0.485, 0.1 + 0.2, 1.0 / 3.0].map(|mean| ChannelStats {
            mean,
            std: mean / 2.0,
        });
        let plain = PictureInput::of::<Rank3<3, 4, 5>>();
        let all = plain
            .clone()
            .fit(Fit::CropFrom(7))
            .upright()
            .normalized(&stats)
            .unwrap();
        for input in [plain, all] {
            let text = serde_json::to_string(&input).unwrap();
            assert_eq!(
                serde_json::from_str::<PictureInput>(&text).unwrap(),
                input,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let written = |shape: [usize; 3], mean: &str, std: &str| {
            let [channels, height, width] = shape;
            let text = format!(
                r#"{{"channels": {channels}, "height": {height}, "width": {width}, "fit": "crop", "upright": false, "mean": {mean}, "std": {std}}}"#
            );
            serde_json::from_str::<PictureInput>(&text)
        };
        assert!(written([3, 2, 2], "[0.5]", "[0.5]").is_ok());
        for (shape, mean, std, said) in [
            ([2, 2, 2], "[0.5]", "[0.5]", "2 channels of 2 x 2 pixels"),
            ([1, 0, 2], "[0.5]", "[0.5]", "are no picture"),
            ([3, usize::MAX, 2], "[0.5]", "[0.5]", "are no picture"),
            ([3, 2, 2], "[0.5, 0.5]", "[0.5]", "there are 2 means, but 1"),
            ([3, 2, 2], "[0.5]", "[0.0]", "can't normalise"),
            ([3, 2, 2], "[]", "[]", "0 channels don't divide"),
        ] {
            let error = written(shape, mean, std).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
