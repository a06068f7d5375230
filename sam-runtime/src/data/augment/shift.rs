//! Random crops of a padded image, and flips.

use rand::Rng;

use super::picture::Picture;

/// What an image is padded with before it is cropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Black: the byte 0. What most training code for CIFAR does.
    Zero,
    /// The image's own pixels, mirrored at its outermost ones. What the code of the SAM paper does.
    Reflect,
}

/// Pads by `pixels` on each side and cuts a piece of the old size out at a random place: each of the
/// `(2 pixels + 1)^2` is as likely.
pub(super) fn crop(picture: &mut Picture, pixels: usize, padding: Padding, rng: &mut impl Rng) {
    let (height, width) = (picture.height, picture.width);
    // So that places fit into an `isize`; no image is so large that it would show.
    let pixels = pixels.min(isize::MAX as usize / 4);
    let (down, right) = (rng.gen_range(0..=2 * pixels), rng.gen_range(0..=2 * pixels));
    let sources = |offset: usize, size: usize| -> Vec<Option<usize>> {
        (0..size)
            .map(|at| padding.source((at + offset) as isize - pixels as isize, size))
            .collect()
    };
    let (rows, columns) = (sources(down, height), sources(right, width));
    for plane in picture.planes_mut() {
        let source = plane.to_vec();
        for (row, from) in plane.chunks_exact_mut(width).zip(&rows) {
            let from = from.map(|y| &source[y * width..][..width]);
            for (byte, &x) in row.iter_mut().zip(&columns) {
                *byte = from.zip(x).map_or(0, |(row, x)| row[x]);
            }
        }
    }
}

impl Padding {
    /// The pixel of `size` that stands at `at`, counted from the first; `None` for black.
    fn source(self, at: isize, size: usize) -> Option<usize> {
        match self {
            Self::Zero => at.try_into().ok().filter(|&at: &usize| at < size),
            // Mirrored again and again, so that the padding may be wider than the image.
            Self::Reflect => {
                let last = size - 1;
                let at = at.unsigned_abs() % (2 * last).max(1);
                Some(at.min(2 * last - at))
            }
        }
    }
}

/// Left to right, for one image in two.
pub(super) fn flip(picture: &mut Picture, rng: &mut impl Rng) {
    let width = picture.width;
    if rng.r#gen() {
        picture
            .bytes
            .chunks_exact_mut(width)
            .for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_crop_is_the_image_moved(
            index: usize,
            pixels in 0_usize..6,
            height in 1_usize..8,
            width in 1_usize..8,
            reflect: bool,
        ) {
            let padding = if reflect { Padding::Reflect } else { Padding::Zero };
            let before = Picture::numbered(3, height, width);
            let mut after = before.clone();
            crop(&mut after, pixels, padding, &mut rng(index));

            let places = || (0..=2 * pixels).map(|place| place as isize - pixels as isize);
            let mirror = |at: isize, size: usize| {
                // Walk to the place, turning round at the ends.
                let (mut place, mut step) = (0_isize, at.signum());
                for _ in 0..at.abs() {
                    if size == 1 { continue; }
                    if !(0..size as isize).contains(&(place + step)) { step = -step; }
                    place += step;
                }
                place
            };
            let moved = |down: isize, right: isize| -> Vec<u8> {
                (0..3 * height * width).map(|i| {
                    let (channel, y, x) = (i / (height * width), i / width % height, i % width);
                    let (mut y, mut x) = (y as isize + down, x as isize + right);
                    if reflect { (y, x) = (mirror(y, height), mirror(x, width)); }
                    let inside = (0..height as isize).contains(&y) && (0..width as isize).contains(&x);
                    if inside { before.bytes[(channel * height + y as usize) * width + x as usize] } else { 0 }
                }).collect()
            };
            let found = places().any(|down| places().any(|right| moved(down, right) == after.bytes));
            prop_assert!(found, "{:?} {:?}", before, after);
        }
    }

    #[test]
    fn every_place_is_as_likely() {
        let mut counts = [0; 9];
        for index in 0..9_000 {
            let mut picture = Picture {
                bytes: vec![0, 0, 0, 0, 1, 0, 0, 0, 0],
                height: 3,
                width: 3,
            };
            crop(&mut picture, 1, Padding::Zero, &mut rng(index));
            let place = picture.bytes.iter().position(|&byte| byte == 1).unwrap();
            counts[place] += 1;
        }
        // 1,000 expected; the deviation of such a count is 30.
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn one_image_in_two_is_mirrored_and_no_other_changes() {
        let before = Picture::numbered(3, 2, 3);
        let mirrored = Picture {
            bytes: vec![
                3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10, 15, 14, 13, 18, 17, 16,
            ],
            ..before
        };
        let flipped = (0..4_000).filter(|&index| {
            let mut after = before.clone();
            flip(&mut after, &mut rng(index));
            assert!(after == before || after == mirrored);
            after == mirrored
        });
        // 2,000 expected; the deviation of such a count is 32.
        assert!((1850..2150).contains(&flipped.count()));
    }
}
