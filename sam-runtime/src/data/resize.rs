//! Bilinear resizing with antialiasing, to the byte as PIL does it.
//!
//! Each pixel of the result is a weighted mean of the pixels under a triangle around its place, which
//! grows with the picture being shrunk. PIL goes along the rows, then along the columns, rounds to
//! bytes in between, and holds weights in fixed point; so does this. Since version 13.0 it goes the
//! other way round where the height shrinks much more than the width
//! ([#9549](https://github.com/python-pillow/Pillow/pull/9549)); so does this, and differs there from
//! earlier versions, by one level at most. Only what the crop keeps is computed: a long, thin picture
//! would else become a huge one before it is cut.

use super::augment::picture::Picture;
use crate::device::vectorized;

/// Fraction bits of the weights.
const BITS: u32 = 22;

/// How one side of a picture is resized and cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Pixels that come in.
    from: usize,
    /// Pixels of the whole resized side.
    size: usize,
    /// The first of those that is kept.
    skip: usize,
    /// How many are kept.
    keep: usize,
    /// Black pixels before them.
    pad: usize,
    /// Pixels that come out, black ones included.
    out: usize,
}

impl Axis {
    /// A side of `from` pixels, resized to `size`, of which the middle `out` are taken; rounding is
    /// that of torchvision's `CenterCrop`.
    pub(super) fn middle(from: usize, size: usize, out: usize) -> Self {
        let (skip, pad) = match size.checked_sub(out) {
            // Python's `round`: a half goes to the even neighbour.
            Some(rest) => (rest / 2 + usize::from(rest % 4 == 3), 0),
            None => (0, (out - size) / 2),
        };
        Self {
            from,
            size,
            skip,
            keep: size.min(out),
            pad,
            out,
        }
    }

    /// For each pixel kept: the first pixel that it is made of, and the weights from there on.
    fn weights(&self) -> Vec<(usize, Vec<i32>)> {
        let scale = self.from as f64 / self.size as f64;
        let support = scale.max(1.0);
        let one = |at: usize| {
            let centre = (at as f64 + 0.5) * scale;
            // A negative float becomes 0.
            let first = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(self.from);
            let heights: Vec<f64> = (first..end)
                .map(|x| {
                    let away = (x as f64 - centre + 0.5) * (1.0 / support);
                    (1.0 - away.abs()).max(0.0)
                })
                .collect();
            let sum: f64 = heights.iter().sum();
            let fixed = |height: &f64| (0.5 + height / sum * f64::from(1 << BITS)) as i32;
            (first, heights.iter().map(fixed).collect())
        };
        (self.skip..self.skip + self.keep).map(one).collect()
    }
}

/// A part of a picture, in pixels; see [`ImageDataset::part`](super::ImageDataset::part).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Rows above it.
    pub top: usize,
    /// Columns to the left of it.
    pub left: usize,
    /// Its rows, at least one.
    pub height: usize,
    /// Its columns, at least one.
    pub width: usize,
}

impl Region {
    /// The bytes of this part of `picture`, which must hold it, resized to `[height, width]`.
    pub(super) fn of(&self, picture: &Picture, [height, width]: [usize; 2]) -> Vec<u8> {
        let axes = [
            Axis::middle(self.height, height, height),
            Axis::middle(self.width, width, width),
        ];
        let planes = picture.bytes.chunks_exact(picture.area());
        let part = |plane: &[u8]| {
            let mut part = Vec::with_capacity(self.height * self.width);
            let rows = plane.chunks_exact(picture.width).skip(self.top);
            for row in rows.take(self.height) {
                part.extend_from_slice(&row[self.left..][..self.width]);
            }
            part
        };
        if [self.height, self.width] == [height, width] {
            return planes.map(part).collect::<Vec<_>>().concat();
        }
        let resized = planes.map(|plane| resize(&part(plane), &axes));
        resized.collect::<Vec<_>>().concat()
    }
}

/// One channel, row by row, resized and cut along its `[rows, columns]`.
pub(super) fn resize(plane: &[u8], axes: &[Axis; 2]) -> Vec<u8> {
    let [rows, columns] = axes;
    let kept = if height_first(axes) {
        along_rows(&along_columns(plane, columns.from, rows), columns)
    } else {
        along_columns(&along_rows(plane, columns), columns.keep, rows)
    };
    let mut out = vec![0; rows.out * columns.out];
    let lines = out.chunks_exact_mut(columns.out).skip(rows.pad);
    for (line, kept) in lines.zip(kept.chunks_exact(columns.keep)) {
        line[columns.pad..][..columns.keep].copy_from_slice(kept);
    }
    out
}

/// Whether the height shrinks by more than twice what the width does: Pillow 13 then begins with it.
///
/// Of the whole picture's sizes: what is cut out afterwards plays no part.
fn height_first([rows, columns]: &[Axis; 2]) -> bool {
    let shrinks = |axis: &Axis| axis.from as i128 - axis.size as i128;
    shrinks(rows) > 0 && shrinks(rows) > 2 * shrinks(columns)
}

/// Each row of `columns.from` pixels, resized and cut to `columns.keep`.
fn along_rows(plane: &[u8], columns: &Axis) -> Vec<u8> {
    let rows = plane.len() / columns.from;
    let turned = along_columns(&turned(plane, columns.from), rows, columns);
    self::turned(&turned, rows)
}

/// Each of `width` columns of `rows.from` pixels, resized and cut to `rows.keep`: whole rows at a time, which a
/// processor adds several pixels at once.
fn along_columns(plane: &[u8], width: usize, rows: &Axis) -> Vec<u8> {
    let mut out = vec![0; rows.keep * width];
    let mut sums = vec![0_i32; width];
    for (out, (first, weights)) in out.chunks_exact_mut(width).zip(rows.weights()) {
        vectorized(|| {
            // The weights sum up to one: no sum leaves 32 bits.
            sums.fill(1 << (BITS - 1));
            for (row, &weight) in plane[first * width..].chunks_exact(width).zip(&weights) {
                for (sum, &pixel) in sums.iter_mut().zip(row) {
                    *sum += weight * i32::from(pixel);
                }
            }
            for (byte, sum) in out.iter_mut().zip(&sums) {
                *byte = (sum >> BITS).min(255) as u8;
            }
        });
    }
    out
}

/// Side of the squares in which pixels are turned: their lines stay in the cache.
const SQUARE: usize = 16;

/// Columns of a plane of this width as rows.
fn turned(plane: &[u8], width: usize) -> Vec<u8> {
    let height = plane.len() / width;
    let mut out = vec![0; plane.len()];
    for top in (0..height).step_by(SQUARE) {
        for left in (0..width).step_by(SQUARE) {
            for x in left..width.min(left + SQUARE) {
                let to = &mut out[x * height + top..][..SQUARE.min(height - top)];
                for (y, pixel) in to.iter_mut().enumerate() {
                    *pixel = plane[(top + y) * width + x];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_python_s() {
        // (size, out) and round((size - out) / 2)
        for (size, out, skip) in [
            (9, 8, 0),
            (10, 8, 1),
            (11, 8, 2),
            (13, 8, 2),
            (15, 8, 4),
            (8, 8, 0),
        ] {
            let axis = Axis::middle(1, size, out);
            assert_eq!((axis.skip, axis.keep, axis.pad), (skip, out, 0), "{size}");
        }
        let small = Axis::middle(1, 5, 8);
        assert_eq!((small.skip, small.keep, small.pad), (0, 5, 1));
    }

    #[test]
    fn weights_sum_to_one_and_a_flat_picture_stays_flat() {
        for (from, size) in [(7, 3), (3, 7), (100, 1), (1, 9), (640, 224), (5, 5)] {
            let axis = Axis::middle(from, size, size);
            for (first, weights) in axis.weights() {
                assert!(first + weights.len() <= from);
                let sum: i32 = weights.iter().sum();
                assert!((sum - (1 << BITS)).unsigned_abs() as usize <= weights.len());
            }
            let flat = vec![201; from * from];
            assert_eq!(resize(&flat, &[axis, axis]), vec![201; size * size]);
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let plane: Vec<u8> = (0..6 * 9).map(|i| (i * 37 % 256) as u8).collect();
        let axes = [Axis::middle(6, 6, 6), Axis::middle(9, 9, 9)];
        assert_eq!(resize(&plane, &axes), plane);
    }

    #[test]
    fn halving_takes_the_triangle_s_means() {
        // Places 0.5 + 2 i; a triangle of half-width 2 has 1/4, 3/4, 3/4, 1/4, halved by its sum.
        let axes = [Axis::middle(1, 1, 1), Axis::middle(8, 4, 4)];
        let row = [0, 80, 160, 240, 0, 0, 0, 80];
        let wanted = [
            (0.0 * 3.0 + 80.0 * 3.0 + 160.0) / 7.0,
            (80.0 + 160.0 * 3.0 + 240.0 * 3.0) / 8.0,
            240.0 / 8.0,
            (80.0 * 3.0) / 7.0,
        ];
        let found = resize(&row, &axes);
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(
                (f64::from(*found) - wanted).abs() <= 0.5,
                "{found} {wanted}"
            );
        }
    }

    #[test]
    fn the_height_goes_first_where_it_shrinks_by_more_than_twice_the_width() {
        for ([h, w], [rows, columns], first) in [
            ([58, 42], [6, 18], true),
            ([58, 56], [6, 21], false),
            // By exactly twice as much; by one more.
            ([30, 20], [20, 15], false),
            ([31, 20], [20, 15], true),
            ([9, 5], [8, 9], true),
            ([9, 5], [9, 9], false),
            ([9, 5], [10, 1], false),
        ] {
            // However little of it is kept.
            for keep in [1, 4] {
                let axes = [Axis::middle(h, rows, keep), Axis::middle(w, columns, keep)];
                assert_eq!(height_first(&axes), first, "{axes:?}");
            }
        }
        let huge = [
            Axis::middle(1, usize::MAX, 4),
            Axis::middle(1, usize::MAX, 4),
        ];
        assert!(!height_first(&huge));
    }

    #[test]
    fn a_long_picture_costs_no_more_than_its_middle() {
        // Whole, the resized picture would have 224 x 2 * 10^10 pixels.
        let axes = [
            Axis::middle(1, 224, 4),
            Axis::middle(1 << 20, 20_000_000_000, 4),
        ];
        assert_eq!(resize(&vec![7; 1 << 20], &axes), [7; 16]);
    }
}
