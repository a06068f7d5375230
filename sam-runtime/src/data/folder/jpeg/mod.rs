//! From the bytes of a JPEG file to its pixels.
//!
//! | file | what it holds |
//! |---|---|
//! | `segments` | what a file says of its picture, and whether it was cut short |

mod segments;

use image::metadata::Orientation;
use jpeg_decoder::{Decoder, PixelFormat};

use self::segments::Frame;
use super::FolderProblem;
use super::memory::check;
use super::pixels::{Layout, Pixels};

/// The pixels of a JPEG file, grey or coloured, and how they are to be turned. `channels`: those that are
/// made of them afterwards.
///
/// # Errors
/// [`FolderProblem::Decode`], [`FolderProblem::TooLarge`].
pub(super) fn read(file: &[u8], channels: usize) -> Result<(Pixels, Orientation), FolderProblem> {
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

    let mut decoder = Decoder::new(file);
    let mut bytes = decoder
        .decode()
        .map_err(|error| decode(&error.to_string()))?;
    let info = decoder.info().ok_or_else(|| decode("it has no picture"))?;
    // Else the decoder fills what is missing with grey, and the network would learn it.
    if segments::is_cut_short(file) {
        return Err(decode("it ends before its picture does"));
    }
    let samples = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::CMYK32 => {
            bytes = colours(&bytes);
            3
        }
        PixelFormat::L16 => return Err(decode("it has 16 bits a number, which is not supported")),
    };
    let exif = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    let pixels = Pixels::new(
        bytes,
        [info.width.into(), info.height.into()],
        Layout {
            samples,
            deep: false,
        },
    );
    let pixels = pixels.ok_or_else(|| decode("its picture is not whole"))?;
    Ok((pixels, exif.unwrap_or(Orientation::NoTransforms)))
}

/// Red, green and blue of inks, as PIL has them.
fn colours(inks: &[u8]) -> Vec<u8> {
    let one = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        let light = 255 - black;
        // A product of two bytes over 255, rounded.
        let part = |ink: u8| {
            let product = u32::from(ink) * u32::from(light) + 128;
            light - ((product + (product >> 8)) >> 8) as u8
        };
        [part(cyan), part(magenta), part(yellow)]
    };
    let (inks, _) = inks.as_chunks();
    inks.iter().flat_map(one).collect()
}
