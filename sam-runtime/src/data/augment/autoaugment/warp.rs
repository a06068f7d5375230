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

    // Where each pixel comes from; the same for every channel. Behind the last pixel there is a black one.
    let mut sources = Vec::with_capacity(height * width);
    let mut row = start;
    for _ in 0..height {
        let mut at = row;
        for _ in 0..width {
            // A negative place becomes a large one.
            let (x, y) = ((at.0 >> 16) as usize, (at.1 >> 16) as usize);
            let is_inside = (x < width) & (y < height);
            let place = y.wrapping_mul(width).wrapping_add(x);
            sources.push(if is_inside { place } else { height * width });
            at = (at.0 + across.0, at.1 + across.1);
        }
        row = (row.0 + down.0, row.1 + down.1);
    }
    let mut source = Vec::with_capacity(height * width + 1);
    for plane in picture.planes_mut() {
        source.clear();
        source.extend_from_slice(plane);
        source.push(0);
        for (byte, &from) in plane.iter_mut().zip(&sources) {
            *byte = source[from];
        }
    }
}
