//! Turning a picture as its EXIF data asks for.

use image::metadata::Orientation;

use crate::data::augment::picture::Picture;

/// The picture as it is to be looked at: what PIL's `ImageOps.exif_transpose` gives.
pub(super) fn upright(picture: Picture, orientation: Orientation) -> Picture {
    use Orientation::*;
    // Columns become rows, then the order of rows, and of columns, is turned round.
    let (swap, up, left) = match orientation {
        NoTransforms => return picture,
        FlipHorizontal => (false, false, true),
        Rotate180 => (false, true, true),
        FlipVertical => (false, true, false),
        Rotate90FlipH => (true, false, false),
        Rotate90 => (true, false, true),
        Rotate270FlipH => (true, true, true),
        Rotate270 => (true, true, false),
    };
    let (height, width) = match swap {
        true => (picture.width, picture.height),
        false => (picture.height, picture.width),
    };
    let mut bytes = Vec::with_capacity(picture.bytes.len());
    for plane in picture.bytes.chunks_exact(picture.area()) {
        for y in 0..height {
            let y = if up { height - 1 - y } else { y };
            bytes.extend((0..width).map(|x| {
                let x = if left { width - 1 - x } else { x };
                let (row, column) = if swap { (x, y) } else { (y, x) };
                plane[row * picture.width + column]
            }));
        }
    }
    Picture {
        bytes,
        height,
        width,
    }
}
