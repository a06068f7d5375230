//! From the bytes of a JPEG file to its pixels.
//!
//! | file | what it holds |
//! |---|---|
//! | `segments` | what a file says of its picture, and whether it was cut short |
//! | `usual` | the decoder of nearly all files, which is faster |
//! | `every` | the decoder of the others |

mod every;
mod segments;
mod usual;

use image::metadata::Orientation;

use self::segments::{Frame, Kind};
use super::FolderProblem;
use super::decode::Wanted;
use super::memory::check;
use super::pixels::{Layout, Pixels};

/// The pixels of a JPEG file, grey or coloured, and how they are to be turned; and whether the outermost ones are right, too.
/// `channels`: those that are made of them afterwards.
///
/// # Errors
/// [`FolderProblem::Decode`], [`FolderProblem::TooLarge`].
pub(super) fn read(
    file: &[u8],
    channels: usize,
    wanted: Wanted,
) -> Result<((Pixels, Orientation), bool), FolderProblem> {
    let decode = |reason: &str| FolderProblem::Decode {
        reason: reason.into(),
    };
    let frame = Frame::of(file).ok_or_else(|| decode("no picture begins in it"))?;
    if frame.lossless {
        return Err(decode("it is lossless JPEG, which is not supported"));
    }
    let pixels = frame.pixels();
    let numbers = frame.numbers();
    // The decoder's coefficients, of two bytes, once more on their way to its threads, and its bytes.
    let decoder = numbers * if frame.progressive { 5 } else { 3 };
    let out = pixels * frame.components.len() as u64;
    let most = out + decoder.max(pixels * channels as u64);
    check(
        [frame.width, frame.height],
        channels,
        file.len() as u64 + most,
    )?;

    let kind = segments::kind(file);
    let is_exact = kind != Kind::UsualButForBorders || wanted == Wanted::All;
    let decoded = match kind {
        Kind::Other => every::decode(file),
        Kind::UsualButForBorders if is_exact => every::decode(file),
        _ => usual::decode(file),
    };
    let decoded = decoded.map_err(|reason| decode(&reason))?;
    // Else the decoder fills what is missing with grey, and the network would learn it.
    if segments::is_cut_short(file) {
        return Err(decode("it ends before its picture does"));
    }
    let exif = decoded.exif.as_deref();
    let exif = exif.and_then(Orientation::from_exif_chunk);
    let pixels = Pixels::new(
        decoded.bytes,
        decoded.size,
        Layout {
            samples: decoded.samples,
            deep: false,
        },
    );
    let pixels = pixels.ok_or_else(|| decode("its picture is not whole"))?;
    let orientation = exif.unwrap_or(Orientation::NoTransforms);
    Ok(((pixels, orientation), is_exact))
}

/// What a decoder makes of a file.
struct Decoded {
    /// Pixel by pixel.
    bytes: Vec<u8>,
    /// Width and height.
    size: [usize; 2],
    /// 1 (grey) or 3.
    samples: usize,
    exif: Option<Vec<u8>>,
}
