//! From a file to the bytes of its picture.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageBuffer, ImageError, ImageReader, Limits};

use super::truncated::is_cut_short;
use super::{FolderProblem, problem_of};
use crate::data::augment::picture::{Picture, luma};
use crate::data::{DataError, files};

/// Memory that one picture may take, in MiB: the 179 million pixels of colour at which PIL refuses.
const LIMIT: u64 = 512;

/// The picture in a file, in 1 (grey) or 3 channels.
///
/// The format is told by the content: a PNG file named `.jpg` is no rare thing.
///
/// # Errors
/// [`DataError::Open`] for a file that can't be opened; [`DataError::Folder`] for one that can't be
/// decoded or is too large.
pub(super) fn decode(path: &Path, channels: usize) -> Result<Picture, DataError> {
    let file = files::read(path)?;
    let guessed = ImageReader::new(Cursor::new(&file)).with_guessed_format();
    let mut reader = guessed.map_err(|reason| DataError::Open {
        path: path.into(),
        reason,
    })?;
    reader.limits(limits());
    let image = reader.decode().map_err(|error| {
        let reason = error.to_string();
        let problem = match error {
            ImageError::Limits(_) => FolderProblem::TooLarge { mib: LIMIT, reason },
            _ => FolderProblem::Decode { reason },
        };
        problem_of(path, problem)
    })?;
    if is_cut_short(&file) {
        let reason = "it ends before its picture does".into();
        return Err(problem_of(path, FolderProblem::Decode { reason }));
    }
    let image = in_8_bits(image);
    let (height, width) = (image.height() as usize, image.width() as usize);
    let bytes = match channels {
        1 => grey(image),
        _ => planes(&image.into_rgb8().into_raw()),
    };
    Ok(Picture {
        bytes,
        height,
        width,
    })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(LIMIT << 20);
    limits
}

/// The higher byte of each 16-bit number, which is what PIL reads of colours; `image` itself would round.
fn in_8_bits(image: DynamicImage) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    macro_rules! high_bytes {
        ($deep:expr, $shallow:ident) => {{
            let numbers = $deep.into_raw().into_iter();
            ImageBuffer::from_raw(width, height, numbers.map(|n| (n >> 8) as u8).collect())
                .map(DynamicImage::$shallow)
                .expect("a byte for each number")
        }};
    }
    match image {
        DynamicImage::ImageLuma16(deep) => high_bytes!(deep, ImageLuma8),
        DynamicImage::ImageLumaA16(deep) => high_bytes!(deep, ImageLumaA8),
        DynamicImage::ImageRgb16(deep) => high_bytes!(deep, ImageRgb8),
        DynamicImage::ImageRgba16(deep) => high_bytes!(deep, ImageRgba8),
        shallow => shallow,
    }
}

/// Brightness as PIL has it; transparency is left out, as there.
fn grey(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_color() {
        return image.into_luma8().into_raw();
    }
    let rgb = image.into_rgb8();
    rgb.pixels().map(|pixel| luma(pixel.0)).collect()
}

/// Pixel by pixel to channel by channel.
fn planes(rgb: &[u8]) -> Vec<u8> {
    let mut planes = Vec::with_capacity(rgb.len());
    for channel in 0..3 {
        planes.extend(rgb.iter().skip(channel).step_by(3));
    }
    planes
}
