//! Operations that move pixels: PIL's `Image.transform` with an affine map and the nearest pixel.
//! What comes from outside the image is black.

use super::super::picture::Picture;

/// A fixed-point number's one: PIL computes places in 16.16 bits.
const ONE: f64 = 65_536.0;

/// Moves row `y` to the left by `level * y`.
pub(super) fn shear_x(picture: &mut Picture, level: f64) {
    affine(picture, [1.0, level, 0.0, 0.0, 1.0, 0.0]);
}

/// Moves column `x` up by `level * x`.
pub(super) fn shear_y(picture: &mut Picture, level: f64) {
    affine(picture, [1.0, 0.0, 0.0, level, 1.0, 0.0]);
}

/// Moves the image to the right by whole pixels.
pub(super) fn translate_x(picture: &mut Picture, pixels: f64) {
    affine(picture, [1.0, 0.0, -pixels, 0.0, 1.0, 0.0]);
}

/// Moves the image down by whole pixels.
pub(super) fn translate_y(picture: &mut Picture, pixels: f64) {
    affine(picture, [1.0, 0.0, 0.0, 0.0, 1.0, -pixels]);
}

/// Turns the image around its centre, counterclockwise.
pub(super) fn rotate(picture: &mut Picture, degrees: f64) {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let (x, y) = (picture.width as f64 / 2.0, picture.height as f64 / 2.0);
    let right = x - cos * x - sin * y;
    let down = y + sin * x - cos * y;
    affine(picture, [cos, sin, right, -sin, cos, down]);
}

/// Takes the pixel at `(x, y)` from `(a x + b y + c, d x + e y + f)`, measured at pixels' centres.
fn affine(picture: &mut Picture, [a, b, c, d, e, f]: [f64; 6]) {
    let fixed = |value: f64| (value * ONE + 0.5).floor() as i64;
    let start = (fixed(c + (a + b) / 2.0), fixed(f + (d + e) / 2.0));
    let (across, down) = ((fixed(a), fixed(d)), (fixed(b), fixed(e)));
    let (height, width) = (picture.height, picture.width);

    // Where each pixel comes from; the same for every channel.
    let mut sources = Vec::with_capacity(height * width);
    let mut row = start;
    for _ in 0..height {
        let mut at = row;
        for _ in 0..width {
            let place = |fixed: i64, size: usize| {
                usize::try_from(fixed >> 16)
                    .ok()
                    .filter(|&place| place < size)
            };
            let source = place(at.0, width).zip(place(at.1, height));
            sources.push(source.map(|(x, y)| y * width + x));
            at = (at.0 + across.0, at.1 + across.1);
        }
        row = (row.0 + down.0, row.1 + down.1);
    }
    for plane in picture.planes_mut() {
        let source = plane.to_vec();
        for (byte, &from) in plane.iter_mut().zip(&sources) {
            *byte = from.map_or(0, |from| source[from]);
        }
    }
}
