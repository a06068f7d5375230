//! From a file to the bytes of its picture.

use std::io::Cursor;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::memory::{self, check, too_large};
use super::pixels::{Layout, Pixels};
use super::upright::upright;
use super::{FolderProblem, jpeg, problem_of};
use crate::data::augment::picture::Picture;
use crate::data::workers::text;
use crate::data::{DataError, Region, files};

/// The picture in a file, in 1 (grey) or 3 channels; `turned` as its EXIF data asks for, or as it lies.
///
/// The format is told by the content: a PNG file named `.jpg` is no rare thing.
///
/// # Errors
/// [`DataError::Open`] for a file that can't be opened; [`DataError::Folder`] for one that can't be
/// decoded or is too large.
pub(super) fn decode(path: &Path, channels: usize, turned: bool) -> Result<Picture, DataError> {
    read(path, |file| picture(file, channels, turned))
}

/// The picture in `file`, the bytes of one that errors call `path`.
pub(super) fn decode_bytes(
    path: &Path,
    file: &[u8],
    channels: usize,
    turned: bool,
) -> Result<Picture, DataError> {
    guarded(path, || picture(file, channels, turned))
}

/// As `decode`, for the part that `choose` takes of a picture of this height and width: outside of it, the outermost pixels
/// may be off.
pub(super) fn decode_part(
    path: &Path,
    channels: usize,
    turned: bool,
    choose: &mut dyn FnMut([usize; 2]) -> Region,
) -> Result<(Picture, Region), DataError> {
    let file = file(path)?;
    let decode = |wanted| guarded(path, || wanted_of(&file, channels, turned, wanted));
    let (picture, is_exact) = decode(Wanted::Inner)?;
    let region = choose([picture.height, picture.width]);
    if is_exact || !touches_border(&region, &picture) {
        return Ok((picture, region));
    }
    Ok((decode(Wanted::All)?.0, region))
}

/// Whether a part has some of the outermost pixels.
fn touches_border(part: &Region, picture: &Picture) -> bool {
    part.top == 0
        || part.left == 0
        || part.top + part.height == picture.height
        || part.left + part.width == picture.width
}

/// What `decode` makes of the bytes of a file.
pub(super) fn read(
    path: &Path,
    decode: impl Fn(&[u8]) -> Result<Picture, FolderProblem> + RefUnwindSafe,
) -> Result<Picture, DataError> {
    let file = file(path)?;
    guarded(path, || decode(&file))
}

/// A file's bytes, unless they are too many.
fn file(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = files::size(path)?;
    if bytes > memory::BYTES {
        let problem = too_large(format!("the file alone has {} MiB", bytes >> 20));
        return Err(problem_of(path, problem));
    }
    files::read(path)
}

/// What a damaged file makes of a decoder must not end the run of all others.
fn guarded<T>(
    path: &Path,
    decode: impl Fn() -> Result<T, FolderProblem> + UnwindSafe,
) -> Result<T, DataError> {
    let read = catch_unwind(decode).unwrap_or_else(|panic| {
        let reason = format!("the decoder panicked: {}", text(panic));
        Err(FolderProblem::Decode { reason })
    });
    read.map_err(|problem| problem_of(path, problem))
}

/// How much of a picture must be as its file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// All but the outermost pixels, if it is found faster.
    Inner,
}

/// The picture in a file's bytes.
pub(in crate::data) fn picture(
    file: &[u8],
    channels: usize,
    turned: bool,
) -> Result<Picture, FolderProblem> {
    wanted_of(file, channels, turned, Wanted::All).map(|(picture, _)| picture)
}

/// The picture in a file's bytes, and whether its outermost pixels are right, too.
fn wanted_of(
    file: &[u8],
    channels: usize,
    turned: bool,
    wanted: Wanted,
) -> Result<(Picture, bool), FolderProblem> {
    let mut is_exact = true;
    let (pixels, orientation) = match image::guess_format(file) {
        Ok(ImageFormat::Jpeg) => {
            let pixels;
            (pixels, is_exact) = jpeg::read(file, channels, wanted)?;
            pixels
        }
        Ok(format) if format.reading_enabled() => other(file, format, channels)?,
        Ok(format) => return Err(unread(format)),
        Err(error) => return Err(problem(error)),
    };
    let picture = pixels.picture(channels);
    drop(pixels);
    let picture = match turned {
        true => upright(picture, orientation),
        false => picture,
    };
    Ok((picture, is_exact))
}

/// The pixels of a file of another format than JPEG, and how they are to be turned.
fn other(
    file: &[u8],
    format: ImageFormat,
    channels: usize,
) -> Result<(Pixels, Orientation), FolderProblem> {
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(memory::BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(problem)?;

    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    // PNG is decoded in place, others by way of a picture of their own.
    let own = if format == ImageFormat::Png { 0 } else { 4 };
    let more = pixels
        .saturating_mul(own.max(channels as u64))
        .saturating_add(file.len() as u64);
    let size = [width, height].map(u64::from);
    check(size, channels, decoder.total_bytes().saturating_add(more))?;

    let orientation = decoder.orientation().map_err(problem)?;
    let layout = layout(decoder.color_type()).ok_or_else(|| FolderProblem::Decode {
        reason: format!("pixels of {:?} are not supported", decoder.color_type()),
    })?;
    let mut bytes = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut bytes).map_err(problem)?;
    let pixels = Pixels::new(bytes, size.map(|side| side as usize), layout);
    let pixels = pixels.ok_or_else(|| FolderProblem::Decode {
        reason: "its picture is not whole".into(),
    })?;
    Ok((pixels, orientation))
}

/// What is told of a format that is not read.
fn unread(format: ImageFormat) -> FolderProblem {
    let feature = match format {
        ImageFormat::WebP => "webp",
        ImageFormat::Bmp => "bmp",
        ImageFormat::Gif => "gif",
        _ => "",
    };
    let reason = match feature {
        "" => format!("it is {format:?}, which is not read"),
        feature => format!("it is {format:?}, which the feature `{feature}` reads"),
    };
    FolderProblem::Decode { reason }
}

fn layout(colours: ColorType) -> Option<Layout> {
    let (samples, deep) = match colours {
        ColorType::L8 => (1, false),
        ColorType::La8 => (2, false),
        ColorType::Rgb8 => (3, false),
        ColorType::Rgba8 => (4, false),
        ColorType::L16 => (1, true),
        ColorType::La16 => (2, true),
        ColorType::Rgb16 => (3, true),
        ColorType::Rgba16 => (4, true),
        _ => return None,
    };
    Some(Layout { samples, deep })
}

fn problem(error: ImageError) -> FolderProblem {
    let reason = error.to_string();
    match error {
        ImageError::Limits(_) => too_large(reason),
        _ => FolderProblem::Decode { reason },
    }
}
