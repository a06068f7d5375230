//! Lines to grey pixels.

use super::strokes::Point;

/// Pixels along each side of the sheet.
pub(super) const SIDE: usize = 28;

/// How much of each pixel is under ink, from 0 to 1.
///
/// Pixel (x, y) covers `x..x + 1` by `y..y + 1`. Overlapping strokes don't add up: the sheet takes
/// the larger coverage.
pub(super) struct Canvas {
    coverage: [f32; SIDE * SIDE],
}

impl Default for Canvas {
    fn default() -> Self {
        Self {
            coverage: [0.0; SIDE * SIDE],
        }
    }
}

impl Canvas {
    /// Draws a chain of straight pieces with a round pen of radius `pen`, in pixels. What lies
    /// outside the sheet is cut off.
    pub(super) fn draw(&mut self, points: &[Point], pen: f32) {
        for pair in points.windows(2) {
            self.piece(pair[0], pair[1], pen);
        }
    }

    /// The coverages, row by row.
    pub(super) fn coverage(&self) -> impl Iterator<Item = f32> {
        self.coverage.iter().copied()
    }

    fn piece(&mut self, from: Point, to: Point, pen: f32) {
        // Only pixels whose centre lies within the pen's reach: coverage ends half a pixel past it.
        let reach = pen + 0.5;
        let range = |a: f32, b: f32| {
            let first = (a.min(b) - reach - 0.5).ceil().max(0.0) as usize;
            // The cast takes what lies left of the sheet to 0, an empty range.
            let end = (a.max(b) + reach + 0.5).ceil() as usize;
            first..end.min(SIDE)
        };
        for y in range(from.1, to.1) {
            for x in range(from.0, to.0) {
                let distance = distance((x as f32 + 0.5, y as f32 + 0.5), from, to);
                let coverage = (reach - distance).clamp(0.0, 1.0);
                let pixel = &mut self.coverage[y * SIDE + x];
                *pixel = pixel.max(coverage);
            }
        }
    }
}

/// The distance of `p` from the straight piece between `a` and `b`.
fn distance(p: Point, a: Point, b: Point) -> f32 {
    let (abx, aby) = (b.0 - a.0, b.1 - a.1);
    let (apx, apy) = (p.0 - a.0, p.1 - a.1);
    // A piece of no length is a dot: the smallest positive number keeps 0 / 0 out.
    let t = (apx * abx + apy * aby) / (abx * abx + aby * aby).max(f32::MIN_POSITIVE);
    let t = t.clamp(0.0, 1.0);
    (apx - t * abx).hypot(apy - t * aby)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[Point], pen: f32) -> Vec<f32> {
        let mut canvas = Canvas::default();
        canvas.draw(points, pen);
        canvas.coverage().collect()
    }

    #[test]
    fn a_line_covers_the_pixels_under_it() {
        // From pixel 5's left edge to pixel 10's right edge, one pixel wide, along row 3.
        let sheet = drawn(&[(5.5, 3.5), (10.5, 3.5)], 0.5);
        for (i, &coverage) in sheet.iter().enumerate() {
            let (x, y) = (i % SIDE, i / SIDE);
            assert_eq!(
                coverage,
                f32::from(u8::from(y == 3 && (5..=10).contains(&x))),
                "({x}, {y})"
            );
        }
    }

    #[test]
    fn edges_are_grey() {
        // Between rows 3 and 4, one pixel wide: half of each.
        let sheet = drawn(&[(5.5, 4.0), (10.5, 4.0)], 0.5);
        assert_eq!(
            (
                sheet[2 * SIDE + 7],
                sheet[3 * SIDE + 7],
                sheet[4 * SIDE + 7]
            ),
            (0.0, 0.5, 0.5)
        );
        assert_eq!(sheet[5 * SIDE + 7], 0.0);
    }

    #[test]
    fn crossing_twice_is_no_darker_and_a_dot_is_a_dot() {
        let once = drawn(&[(5.0, 5.0), (9.0, 9.0)], 0.8);
        assert_eq!(once, drawn(&[(5.0, 5.0), (9.0, 9.0), (5.0, 5.0)], 0.8));
        let dot = drawn(&[(5.5, 5.5), (5.5, 5.5)], 0.5);
        assert_eq!(dot.iter().sum::<f32>(), 1.0);
        assert_eq!(dot[5 * SIDE + 5], 1.0);
    }

    #[test]
    fn what_leaves_the_sheet_is_cut_off() {
        assert_eq!(
            drawn(&[(-9.0, -9.0), (-5.0, 40.0)], 1.0)
                .iter()
                .sum::<f32>(),
            0.0
        );
        assert_eq!(
            drawn(&[(40.0, 2.0), (50.0, 2.0)], 1.0).iter().sum::<f32>(),
            0.0
        );
        let through = drawn(&[(-50.0, 2.5), (50.0, 2.5)], 0.5);
        assert!((through.iter().sum::<f32>() - 28.0).abs() < 1e-3);
    }
}
