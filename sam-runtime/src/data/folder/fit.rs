//! Fitting a picture to the size of a data set's images.

use serde::{Deserialize, Serialize};

use super::FolderProblem;
use crate::data::augment::picture::Picture;
use crate::data::resize::{Axis, resize};

/// How pictures of other sizes become images of the data set's.
///
/// Resizing takes the same weighted means as PIL's `BILINEAR`, which torchvision's `Resize` uses on
/// PIL images, and gives the same bytes as Pillow 13 (earlier versions differ by one level at most, and
/// only where the height shrinks much more than the width): each pixel covers what it stands for, so nothing of a large
/// picture is skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fit {
    /// Not at all: a picture of another size is an error.
    #[default]
    Exact,
    /// Resized, keeping its proportions, until it just covers the image; the middle is cut out. With a
    /// square image of side `n` this is torchvision's `Resize(n)`, `CenterCrop(n)`.
    Crop,
    /// Resized, keeping its proportions, until its shorter side has this many pixels; the middle is cut
    /// out, with black around a picture that has become too small. torchvision's `Resize`,
    /// `CenterCrop`: with `CropFrom(256)`, images of 224 x 224 are what networks are usually tested on
    /// with ImageNet.
    CropFrom(usize),
    /// Resized to the image's size, whatever its proportions.
    Stretch,
}

/// The bytes of `picture`, fitted to `[height, width]`.
///
/// # Errors
/// [`FolderProblem::Size`] where `fit` doesn't allow the picture's size; [`FolderProblem::NoSide`].
pub(super) fn fitted(
    picture: Picture,
    [height, width]: [usize; 2],
    fit: Fit,
) -> Result<Vec<u8>, FolderProblem> {
    let found = [picture.height, picture.width];
    let [rows, columns] = match fit {
        Fit::Exact if found != [height, width] => {
            return Err(FolderProblem::Size {
                expected: [height, width],
                found,
            });
        }
        Fit::Exact | Fit::Stretch => [height, width],
        Fit::Crop => covering(found, [height, width]),
        Fit::CropFrom(0) => return Err(FolderProblem::NoSide),
        Fit::CropFrom(shorter) => covering(found, [shorter; 2]),
    };
    if found == [rows, columns] && found == [height, width] {
        return Ok(picture.bytes);
    }
    let axes = [
        Axis::middle(picture.height, rows, height),
        Axis::middle(picture.width, columns, width),
    ];
    let planes = picture.bytes.chunks_exact(picture.area());
    let resized = planes.map(|plane| resize(plane, &axes));
    Ok(resized.collect::<Vec<_>>().concat())
}

/// The smallest size of `[h, w]`'s proportions that covers `[height, width]`; the side that is longer
/// than needed is rounded down, as torchvision does.
fn covering([h, w]: [usize; 2], [height, width]: [usize; 2]) -> [usize; 2] {
    // In 128 bits, as a side given by the user has no limit.
    let scaled = |side: usize, to: usize, from: usize| {
        let size = side as u128 * to as u128 / from as u128;
        usize::try_from(size).unwrap_or(usize::MAX)
    };
    if height as u128 * w as u128 >= width as u128 * h as u128 {
        [height, scaled(w, height, h)]
    } else {
        [scaled(h, width, w), width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_just_covers_the_image() {
        assert_eq!(covering([480, 640], [224, 224]), [224, 298]);
        assert_eq!(covering([640, 480], [224, 224]), [298, 224]);
        assert_eq!(covering([100, 100], [50, 80]), [80, 80]);
        assert_eq!(covering([10, 1000], [50, 80]), [50, 5000]);
        assert_eq!(covering([7, 7], [7, 7]), [7, 7]);
        for h in 1..12 {
            for w in 1..12 {
                let [rows, columns] = covering([h, w], [5, 7]);
                assert!(rows >= 5 && columns >= 7 && (rows == 5 || columns == 7));
            }
        }
    }
}
