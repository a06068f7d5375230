//! How a hand bends a digit.

use std::f32::consts::TAU;

use rand::Rng;

use super::raster::SIDE;
use super::strokes::Point;

/// A random smooth map from skeleton coordinates (0 to 1) to pixels: a slight wave, then an affine
/// map about the middle of the sheet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Distortion {
    /// For x and y each: amplitude, frequency and phase of a sine wave along the other axis.
    waves: [(f32, f32, f32); 2],
    /// Row-major linear part.
    linear: [[f32; 2]; 2],
    /// Where the middle of the skeleton goes, in pixels.
    middle: Point,
}

impl Distortion {
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        let mut wave = || {
            (
                rng.gen_range(-0.05..0.05),
                rng.gen_range(0.6..1.8_f32),
                rng.gen_range(0.0..1.0_f32),
            )
        };
        let waves = [wave(), wave()];
        let (sin, cos) = rng.gen_range(-17.0..17.0_f32).to_radians().sin_cos();
        let (scale_x, scale_y) = (rng.gen_range(0.7..1.1_f32), rng.gen_range(0.75..1.05_f32));
        let shear = rng.gen_range(-0.25..0.25_f32);
        // Rotation * shear * scale: the shear leans an upright digit, whatever its rotation.
        let side = SIDE as f32;
        let lean = [[scale_x, shear * scale_y], [0.0, scale_y]];
        let linear = [[cos, -sin], [sin, cos]]
            .map(|row| [0, 1].map(|c| side * (row[0] * lean[0][c] + row[1] * lean[1][c])));
        let mut shift = || side / 2.0 + rng.gen_range(-2.0..2.0_f32);
        Self {
            waves,
            linear,
            middle: (shift(), shift()),
        }
    }

    /// The pixel position of a skeleton's point.
    pub(super) fn apply(&self, (x, y): Point) -> Point {
        let wave = |(amplitude, frequency, phase): (f32, f32, f32), along: f32| {
            amplitude * (TAU * (frequency * along + phase)).sin()
        };
        let from_middle = [
            x + wave(self.waves[0], y) - 0.5,
            y + wave(self.waves[1], x) - 0.5,
        ];
        let [dx, dy] = self
            .linear
            .map(|row| row[0] * from_middle[0] + row[1] * from_middle[1]);
        (self.middle.0 + dx, self.middle.1 + dy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::stream::{Purpose, stream};
    use super::*;

    #[test]
    fn digits_stay_upright_and_on_the_sheet() {
        for index in 0..2_000 {
            let distortion = Distortion::draw(&mut stream(Purpose::TrainGlyph, 0, index));
            let [[a, b], [c, d]] = distortion.linear;
            // Never mirrored, never flat.
            assert!(a * d - b * c > 0.4 * 28.0 * 28.0);
            let (x, y) = distortion.apply((0.5, 0.5));
            assert!(
                (8.0..20.0).contains(&x) && (8.0..20.0).contains(&y),
                "{x} {y}"
            );
            // What was at the top stays above what was at the bottom.
            assert!(distortion.apply((0.5, 0.12)).1 + 8.0 < distortion.apply((0.5, 0.88)).1);
        }
    }
}
