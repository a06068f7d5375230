//! Operations that move an image away from, or towards, a duller version of itself: those of PIL's
//! `ImageEnhance`. A factor of 1 changes nothing, 0 gives the dull version, 2 overdoes it.

use std::array::from_fn;

use super::picture::Picture;
use crate::device::vectorized;

/// Away from black.
pub(super) fn brightness(picture: &mut Picture, factor: f32) {
    picture.map(&from_fn(|byte| blend(0, byte as u8, factor)));
}

/// Away from the image's mean brightness.
pub(super) fn contrast(picture: &mut Picture, factor: f32) {
    let luma = picture.luma();
    let sum: u64 = luma.iter().map(|&byte| u64::from(byte)).sum();
    let mean = (sum as f64 / luma.len() as f64 + 0.5) as u8;
    picture.map(&from_fn(|byte| blend(mean, byte as u8, factor)));
}

/// Away from the grey version; a grey image stays as it is.
pub(super) fn color(picture: &mut Picture, factor: f32) {
    if picture.colours().is_none() {
        return;
    }
    let luma = picture.luma();
    for plane in picture.planes_mut() {
        vectorized(|| {
            for (byte, &grey) in plane.iter_mut().zip(&luma) {
                *byte = blend(grey, *byte, factor);
            }
        });
    }
}

/// Away from a blurred version; the outermost pixels stay as they are.
pub(super) fn sharpness(picture: &mut Picture, factor: f32) {
    let (height, width) = (picture.height, picture.width);
    if height < 3 || width < 3 {
        return;
    }
    for plane in picture.planes_mut() {
        let source = plane.to_vec();
        for y in 1..height - 1 {
            let rows = [y - 1, y, y + 1].map(|y| &source[y * width..][..width]);
            let inner = &mut plane[y * width + 1..][..width - 2];
            vectorized(|| {
                for (x, byte) in inner.iter_mut().enumerate() {
                    let three = |row: &[u8]| {
                        u32::from(row[x]) + u32::from(row[x + 1]) + u32::from(row[x + 2])
                    };
                    let sum = three(rows[0]) + three(rows[1]) + three(rows[2]);
                    // The centre weighs 5, its neighbours 1 each; rounded to the nearest, which is
                    // never a tie.
                    let smooth = (2 * (sum + 4 * u32::from(*byte)) + 13) / 26;
                    *byte = blend(smooth as u8, *byte, factor);
                }
            });
        }
    }
}

/// `dull + factor * (byte - dull)`, stopped at 0 and 255, its fraction cut off, in single precision
/// as PIL's `Image.blend`.
#[inline(always)]
pub(super) fn blend(dull: u8, byte: u8, factor: f32) -> u8 {
    let blended = f32::from(dull) + factor * f32::from(i16::from(byte) - i16::from(dull));
    // By way of 32 bits, which a processor converts several of at once.
    blended.clamp(0.0, 255.0) as i32 as u8
}
