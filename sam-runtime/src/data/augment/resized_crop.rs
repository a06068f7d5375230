//! Random parts of pictures.

use std::ops::RangeInclusive;

use rand::Rng;

use super::super::{DataError, Region};

/// The shares of a picture's pixels that are usual.
pub(super) const USUAL: RangeInclusive<f64> = 0.08..=1.0;
/// How much wider than high a part may be.
const ASPECT: RangeInclusive<f64> = 3.0 / 4.0..=4.0 / 3.0;
/// Parts that are drawn at most.
const TRIES: usize = 10;

/// The same shares, if they are some.
pub(super) fn checked(share: RangeInclusive<f64>) -> Result<RangeInclusive<f64>, DataError> {
    let (start, end) = (*share.start(), *share.end());
    let refused = |name, value, wanted| DataError::Augmentation {
        step: "resized crops",
        name,
        value,
        wanted,
    };
    if !(start > 0.0 && start <= 1.0) {
        return Err(refused("start", start, "above 0, and at most 1"));
    }
    if !(end >= start && end <= 1.0) {
        return Err(refused("end", end, "at least the start, and at most 1"));
    }
    Ok(share)
}

/// A part of a picture of this size, as torchvision's `RandomResizedCrop` draws it.
pub(super) fn region(
    [height, width]: [usize; 2],
    share: &RangeInclusive<f64>,
    rng: &mut impl Rng,
) -> Region {
    let area = height as f64 * width as f64;
    for _ in 0..TRIES {
        let pixels = area * rng.gen_range(share.clone());
        let aspect = rng.gen_range(ASPECT.start().ln()..=ASPECT.end().ln()).exp();
        let columns = (pixels * aspect).sqrt().round_ties_even() as usize;
        let rows = (pixels / aspect).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&columns) && (1..=height).contains(&rows) {
            return Region {
                top: rng.gen_range(0..=height - rows),
                left: rng.gen_range(0..=width - columns),
                height: rows,
                width: columns,
            };
        }
    }
    middle([height, width])
}

/// The largest part in the middle of a picture that is neither too wide nor too high.
fn middle([height, width]: [usize; 2]) -> Region {
    let side =
        |other: usize, times: f64| ((other as f64 * times).round_ties_even() as usize).max(1);
    let rows = height.min(side(width, 1.0 / ASPECT.start()));
    let columns = width.min(side(height, *ASPECT.end()));
    Region {
        top: (height - rows) / 2,
        left: (width - columns) / 2,
        height: rows,
        width: columns,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_part_is_in_the_picture_and_of_the_share_and_aspect_asked_for(
            index: usize,
            height in 1_usize..400,
            width in 1_usize..400,
            start in 0.01..1.0_f64,
            more in 0.0..1.0_f64,
        ) {
            let share = checked(start..=start + (1.0 - start) * more).unwrap();
            let part = region([height, width], &share, &mut rng(index));
            prop_assert!(part.height >= 1 && part.top + part.height <= height);
            prop_assert!(part.width >= 1 && part.left + part.width <= width);
            if part != middle([height, width]) {
                let (rows, columns) = (part.height as f64, part.width as f64);
                // What was rounded: half a pixel of each side.
                let least = (rows - 0.5) * (columns - 0.5) / (height * width) as f64;
                let most = (rows + 0.5) * (columns + 0.5) / (height * width) as f64;
                prop_assert!(most >= *share.start() && least <= *share.end(), "{:?}", part);
                prop_assert!((columns + 0.5) / (rows - 0.5) >= 0.75, "{:?}", part);
                prop_assert!((columns - 0.5) / (rows + 0.5) <= 4.0 / 3.0, "{:?}", part);
            }
        }
    }

    #[test]
    fn long_pictures_give_their_middle() {
        let whole = 1.0..=1.0;
        let wide = region([10, 100], &whole, &mut rng(0));
        let expected = Region {
            top: 0,
            left: 43,
            height: 10,
            width: 13,
        };
        assert_eq!(wide, expected);
        let high = region([100, 10], &whole, &mut rng(0));
        let expected = Region {
            top: 43,
            left: 0,
            height: 13,
            width: 10,
        };
        assert_eq!(high, expected);
        let single = Region {
            top: 0,
            left: 0,
            height: 1,
            width: 1,
        };
        assert_eq!(region([1, 1], &USUAL, &mut rng(0)), single);
    }

    #[test]
    fn shares_are_spread_evenly() {
        // Of a large square: the share is uniform in 0.25 to 0.5, of mean 0.375 and deviation 0.0722.
        let share = checked(0.25..=0.5).unwrap();
        let shares: Vec<f64> = (0..4_000)
            .map(|index| {
                let part = region([1_000, 1_000], &share, &mut rng(index));
                (part.height * part.width) as f64 / 1e6
            })
            .collect();
        let mean = shares.iter().sum::<f64>() / 4_000.0;
        let variance = shares
            .iter()
            .map(|share| (share - mean).powi(2))
            .sum::<f64>()
            / 4_000.0;
        assert!((mean - 0.375).abs() < 0.005, "{mean}");
        assert!((variance.sqrt() - 0.0722).abs() < 0.003, "{variance}");
    }

    #[test]
    fn impossible_shares_are_refused() {
        for (share, text) in [
            (
                0.0..=1.0,
                "`start` of resized crops is 0, but it must be above 0, and at most 1",
            ),
            (
                0.5..=1.5,
                "`end` of resized crops is 1.5, but it must be at least the start, and at most 1",
            ),
            (
                0.5..=0.25,
                "`end` of resized crops is 0.25, but it must be at least the start, and at most 1",
            ),
            (
                f64::NAN..=1.0,
                "`start` of resized crops is NaN, but it must be above 0, and at most 1",
            ),
        ] {
            assert_eq!(checked(share).unwrap_err().to_string(), text);
        }
    }
}
