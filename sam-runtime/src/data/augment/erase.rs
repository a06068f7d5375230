//! Boxes that are taken out of an image: Cutout and random erasing.

use std::ops::Range;

use rand::Rng;

use super::picture::Picture;

/// Cutout (DeVries & Taylor, [2017](https://arxiv.org/abs/1708.04552)): sets a box of `side` x
/// `side` numbers in every channel to 0.
///
/// The box's centre is uniform over the pixels, so that part of the box may lie outside.
pub(super) fn cutout(
    numbers: &mut [f32],
    [height, width]: [usize; 2],
    side: usize,
    rng: &mut impl Rng,
) {
    let mut span = |size: usize| -> Range<usize> {
        // From `half` before the centre; `side` long where the edges allow it.
        let centre = rng.gen_range(0..size);
        centre.saturating_sub(side / 2)..(centre + side.div_ceil(2)).min(size)
    };
    let (rows, columns) = (span(height), span(width));
    for plane in numbers.chunks_exact_mut(height * width) {
        for row in rows.clone() {
            plane[row * width..][columns.clone()].fill(0.0);
        }
    }
}

/// Smallest and largest share of the image that is erased.
const AREA: Range<f64> = 0.02..0.4;
/// The flattest box's height over its width; the tallest one's is the inverse.
const ASPECT: f64 = 0.3;
/// How often a box may turn out too large for the image before the image is left as it is.
const TRIES: usize = 100;

/// Random erasing (Zhong et al., [AAAI 2020](https://arxiv.org/abs/1708.04896)): with probability
/// `p`, fills a box of random area, aspect and place with random bytes.
///
/// Areas from 2 % to 40 %, aspects from 0.3 to 1/0.3, and a random byte for each pixel and channel
/// ("RE-R") are the paper's settings for CIFAR, where `p` is 0.5.
pub(super) fn erase(picture: &mut Picture, p: f64, rng: &mut impl Rng) {
    if !rng.gen_bool(p) {
        return;
    }
    let (height, width) = (picture.height, picture.width);
    for _ in 0..TRIES {
        let area = rng.gen_range(AREA) * picture.area() as f64;
        let aspect = rng.gen_range(ASPECT..1.0 / ASPECT);
        let rows = (area * aspect).sqrt().round() as usize;
        let columns = (area / aspect).sqrt().round() as usize;
        if rows > height || columns > width {
            continue;
        }
        let (top, left) = (
            rng.gen_range(0..=height - rows),
            rng.gen_range(0..=width - columns),
        );
        for plane in picture.planes_mut() {
            for row in top..top + rows {
                rng.fill_bytes(&mut plane[row * width + left..][..columns]);
            }
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;
    use proptest::prelude::*;

    /// The box of places where `changed` holds in every channel, and nowhere else; `None` where
    /// there is no such box.
    fn bounds(changed: &[bool], height: usize, width: usize) -> Option<[Range<usize>; 2]> {
        let places = || (0..changed.len()).filter(|&i| changed[i]);
        let around = |of: &dyn Fn(usize) -> usize| {
            Some(places().map(of).min()?..places().map(of).max()? + 1)
        };
        let rows = around(&|i| i / width % height)?;
        let columns = around(&|i| i % width)?;
        let exact = (0..changed.len()).all(|i| {
            changed[i] == (rows.contains(&(i / width % height)) && columns.contains(&(i % width)))
        });
        exact.then_some([rows, columns])
    }

    proptest! {
        #[test]
        fn cutout_sets_exactly_its_box_to_zero(
            index: usize,
            channels in 1_usize..4,
            height in 1_usize..12,
            width in 1_usize..12,
            side in 1_usize..20,
        ) {
            let before: Vec<f32> = (1..=channels * height * width).map(|n| n as f32).collect();
            let mut after = before.clone();
            cutout(&mut after, [height, width], side, &mut rng(index));
            for (b, a) in before.iter().zip(&after) {
                prop_assert!(*a == 0.0 || a == b);
            }
            let zero: Vec<bool> = after.iter().map(|&n| n == 0.0).collect();
            let [rows, columns] = bounds(&zero, height, width).expect("one box");
            for (span, size) in [(rows, height), (columns, width)] {
                let cut = span.start == 0 || span.end == size;
                prop_assert!(span.len() == side || (cut && span.len() < side));
                prop_assert!(span.len() >= (side / 2).min(size));
            }
        }

        #[test]
        fn erasing_changes_one_box_of_a_size_from_the_range(index: usize, channels in 1_usize..4) {
            // What is drawn doesn't depend on what was there.
            let erased = |fill: u8| {
                let mut picture = Picture {
                    bytes: vec![fill; channels * 20 * 24],
                    height: 20,
                    width: 24,
                };
                erase(&mut picture, 1.0, &mut rng(index));
                picture.bytes
            };
            let same: Vec<bool> = erased(0).iter().zip(&erased(255)).map(|(a, b)| a == b).collect();
            let [rows, columns] = bounds(&same, 20, 24).expect("one box");
            let share = (rows.len() * columns.len()) as f64 / 480.0;
            prop_assert!((0.01..0.45).contains(&share), "{share}");
        }
    }

    #[test]
    fn erasing_has_its_probability_and_random_bytes() {
        let before = Picture::numbered(3, 16, 16);
        let changed = |p: f64, index| {
            let mut after = before.clone();
            erase(&mut after, p, &mut rng(index));
            after != before
        };
        assert!((0..200).all(|index| !changed(0.0, index) && changed(1.0, index)));
        let half = (0..4_000).filter(|&index| changed(0.5, index)).count();
        // 2,000 expected; the deviation of such a count is 32.
        assert!((1850..2150).contains(&half), "{half}");

        let mut black = Picture {
            bytes: vec![0; 3 * 64 * 64],
            height: 64,
            width: 64,
        };
        for index in 0..20 {
            erase(&mut black, 1.0, &mut rng(index));
        }
        let drawn: Vec<u8> = black.bytes.into_iter().filter(|&byte| byte > 0).collect();
        let mean = drawn.iter().map(|&byte| f64::from(byte)).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 128.0).abs() < 4.0, "{mean}");
    }
}
