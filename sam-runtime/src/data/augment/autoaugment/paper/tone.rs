//! Operations on colours, where the code's differ from PIL's: in single precision, and cut off where PIL rounds.

use std::array::from_fn;

use super::super::super::picture::{Picture, map};
use super::super::blend::blend;

/// Away from the grey version; a grey image stays as it is.
pub(super) fn color(picture: &mut Picture, factor: f32) {
    let Some([red, green, blue]) = picture.colours() else {
        return;
    };
    // TensorFlow's `rgb_to_grayscale`, by way of numbers from 0 to 1.
    let grey = |(&r, (&g, &b)): (&u8, (&u8, &u8))| {
        let part = |byte: u8, weight: f32| f32::from(byte) * (1.0 / 255.0) * weight;
        ((part(r, 0.2989) + part(g, 0.587) + part(b, 0.114)) * 255.5) as u8
    };
    let grey: Vec<u8> = red.iter().zip(green.iter().zip(blue)).map(grey).collect();
    for plane in picture.planes_mut() {
        for (byte, &grey) in plane.iter_mut().zip(&grey) {
            *byte = blend(grey, *byte, factor);
        }
    }
}

/// Away from a grey that depends on the image's size alone: the code means the mean brightness, and divides the
/// number of pixels by 256.
pub(super) fn contrast(picture: &mut Picture, factor: f32) {
    let grey = (picture.area() as f32 / 256.0) as u8;
    picture.map(&from_fn(|byte| blend(grey, byte as u8, factor)));
}

/// Away from a blurred version; the outermost pixels stay as they are.
pub(super) fn sharpness(picture: &mut Picture, factor: f32) {
    let (height, width) = (picture.height, picture.width);
    for plane in picture.planes_mut() {
        let source = plane.to_vec();
        for y in 1..height.saturating_sub(1) {
            for x in 1..width.saturating_sub(1) {
                let mut smooth = 0.0;
                for (i, row) in source[(y - 1) * width..].chunks(width).take(3).enumerate() {
                    for (j, &byte) in row[x - 1..=x + 1].iter().enumerate() {
                        let weight = if (i, j) == (1, 1) { 5.0 } else { 1.0 };
                        // Rounded once, as TensorFlow's kernels do it.
                        smooth = f32::from(byte).mul_add(weight / 13.0, smooth);
                    }
                }
                let at = y * width + x;
                plane[at] = blend(smooth as u8, source[at], factor);
            }
        }
    }
}

/// Stretches each channel from its darkest and lightest byte to 0 and 255.
pub(super) fn autocontrast(picture: &mut Picture) {
    for plane in picture.planes_mut() {
        let (low, high) = plane.iter().fold((255, 0), |(low, high), &byte| {
            (byte.min(low), byte.max(high))
        });
        if low < high {
            let scale = 255.0 / f32::from(high - low);
            let offset = -f32::from(low) * scale;
            // `as` cuts the fraction off, and stops at 0 and 255.
            map(plane, &from_fn(|byte| (byte as f32 * scale + offset) as u8));
        }
    }
}
