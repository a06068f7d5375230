//! Operations on single bytes, by tables: those of PIL's `ImageOps`.

use std::array::from_fn;

use super::super::picture::{Picture, map};

/// Each byte from white.
pub(super) fn invert(picture: &mut Picture) {
    picture.map(&from_fn(|byte| 255 - byte as u8));
}

/// Keeps the highest `bits` bits, 1 to 8.
pub(super) fn posterize(picture: &mut Picture, bits: u32) {
    let mask = !0 << (8 - bits);
    picture.map(&from_fn(|byte| byte as u8 & mask));
}

/// Inverts bytes from `threshold` on.
pub(super) fn solarize(picture: &mut Picture, threshold: f32) {
    picture.map(&from_fn(|byte| match byte as u8 {
        dark if f32::from(dark) < threshold => dark,
        light => 255 - light,
    }));
}

/// Stretches each channel from its darkest and lightest byte to 0 and 255.
pub(super) fn autocontrast(picture: &mut Picture) {
    for plane in picture.planes_mut() {
        let (low, high) = plane.iter().fold((255, 0), |(low, high), &byte| {
            (byte.min(low), byte.max(high))
        });
        if low >= high {
            continue;
        }
        let scale = 255.0 / f64::from(high - low);
        let offset = -f64::from(low) * scale;
        // `as` cuts the fraction off, as PIL does, and stops at 0 and 255.
        map(plane, &from_fn(|byte| (byte as f64 * scale + offset) as u8));
    }
}

/// Makes each channel's bytes as evenly distributed as a table can.
pub(super) fn equalize(picture: &mut Picture) {
    for plane in picture.planes_mut() {
        let mut counts = [0_usize; 256];
        for &byte in plane.iter() {
            counts[usize::from(byte)] += 1;
        }
        let lightest = counts.iter().rev().find(|&&n| n > 0).map_or(0, |&n| n);
        let step = (plane.len() - lightest) / 255;
        if step == 0 {
            continue;
        }
        let mut below = step / 2;
        map(
            plane,
            &from_fn(|byte| {
                let level = (below / step).min(255) as u8;
                below += counts[byte];
                level
            }),
        );
    }
}
