//! Operations that move pixels: TensorFlow Addons' projective transformation with the nearest pixel. What comes from
//! outside the image is grey.

use super::super::super::picture::Picture;
use super::GREY;

/// Moves row `y` to the left by `level * y`.
pub(super) fn shear_x(picture: &mut Picture, level: f32) {
    affine(picture, [1.0, level, 0.0, 0.0, 1.0, 0.0]);
}

/// Moves column `x` up by `level * x`.
pub(super) fn shear_y(picture: &mut Picture, level: f32) {
    affine(picture, [1.0, 0.0, 0.0, level, 1.0, 0.0]);
}

/// Moves the image to the left.
pub(super) fn translate_x(picture: &mut Picture, pixels: f32) {
    affine(picture, [1.0, 0.0, pixels, 0.0, 1.0, 0.0]);
}

/// Moves the image up.
pub(super) fn translate_y(picture: &mut Picture, pixels: f32) {
    affine(picture, [1.0, 0.0, 0.0, 0.0, 1.0, pixels]);
}

/// Turns the image around its centre, counterclockwise.
pub(super) fn rotate(picture: &mut Picture, degrees: f32) {
    let (sin, cos) = (degrees * (std::f64::consts::PI / 180.0) as f32).sin_cos();
    let (x, y) = (picture.width as f32 - 1.0, picture.height as f32 - 1.0);
    let right = (x - (cos * x - sin * y)) / 2.0;
    let down = (y - (sin * x + cos * y)) / 2.0;
    affine(picture, [cos, -sin, right, sin, cos, down]);
}

/// Takes the pixel at `(x, y)` from the one nearest to `(a x + b y + c, d x + e y + f)`.
fn affine(picture: &mut Picture, [a, b, c, d, e, f]: [f32; 6]) {
    let (height, width) = (picture.height, picture.width);
    let place = |at: f32, size: usize| {
        let at = at.round();
        (at >= 0.0 && at < size as f32).then_some(at as usize)
    };
    // Where each pixel comes from; the same for every channel.
    let sources: Vec<Option<usize>> = (0..height * width)
        .map(|at| {
            let (x, y) = ((at % width) as f32, (at / width) as f32);
            let column = place(a * x + b * y + c, width)?;
            let row = place(d * x + e * y + f, height)?;
            Some(row * width + column)
        })
        .collect();
    for plane in picture.planes_mut() {
        let source = plane.to_vec();
        for (byte, from) in plane.iter_mut().zip(&sources) {
            *byte = from.map_or(GREY, |from| source[from]);
        }
    }
}
