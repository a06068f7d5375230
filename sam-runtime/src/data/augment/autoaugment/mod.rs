//! AutoAugment and RandAugment.
//!
//! | file | what it holds |
//! |---|---|
//! | `policy` | [`Policy`]: which operations, how often and how strongly |
//! | `point` | operations on single bytes, by tables |
//! | `warp` | operations that move pixels |
//! | `paper` | the SAM paper's policies and operations, which differ |

mod paper;
mod point;
mod policy;
mod warp;

use rand::Rng;
use rand::seq::SliceRandom;

pub use self::policy::Policy;

use self::policy::{CIFAR10, Op, RANDAUGMENT, SVHN};
use super::{blend, picture::Picture};

/// One of the policy's pairs of operations, each done or left with its own probability and, where
/// it has two directions, in either.
pub(super) fn autoaugment(picture: &mut Picture, policy: Policy, rng: &mut impl Rng) {
    let pairs = match policy {
        Policy::Cifar10 => &CIFAR10,
        Policy::Svhn => &SVHN,
        Policy::PaperCifar => return paper::autoaugment(picture, paper::Policy::Cifar, rng),
        Policy::PaperSvhn => return paper::autoaugment(picture, paper::Policy::Svhn, rng),
    };
    let steps = pairs.choose(rng).expect("a policy has 25 pairs");
    for &(op, tenths) in steps {
        // Both are drawn whether or not they are needed, so that what follows doesn't depend on it.
        let (done, negative) = (rng.gen_range(0..10) < tenths, rng.r#gen());
        if done {
            op.apply(picture, negative, LEVELS);
        }
    }
}

/// So many operations of RandAugment, each one at random, and where it has two directions, in either.
pub(super) fn randaugment(
    picture: &mut Picture,
    operations: usize,
    magnitude: u8,
    rng: &mut impl Rng,
) {
    for _ in 0..operations {
        let op = RANDAUGMENT.choose(rng).expect("there are 14 operations");
        let negative = rng.r#gen();
        // The first one is none at all.
        if let Some(op) = op {
            op(magnitude).apply(picture, negative, MAGNITUDES);
        }
    }
}

/// Levels of AutoAugment's operations.
const LEVELS: u8 = 10;
/// Levels of RandAugment's.
pub(super) const MAGNITUDES: u8 = 31;

impl Op {
    /// Does it, at its level of so many in the paper's range (translations in proportion to the
    /// image: 150 pixels of 331). `negative` picks the direction of those that have two.
    fn apply(self, picture: &mut Picture, negative: bool, levels: u8) {
        let range = |start, end, level| range(start, end, level, levels);
        let signed = |value: f32| f64::from(if negative { -value } else { value });
        let factor = |level| (1.0 + signed(range(0.0, 0.9, level))) as f32;
        let pixels = |size: usize, level| {
            signed(range(0.0, (150.0 / 331.0 * size as f64) as f32, level).trunc())
        };
        match self {
            Self::ShearX(level) => warp::shear_x(picture, signed(range(0.0, 0.3, level))),
            Self::ShearY(level) => warp::shear_y(picture, signed(range(0.0, 0.3, level))),
            Self::TranslateX(level) => warp::translate_x(picture, pixels(picture.width, level)),
            Self::TranslateY(level) => warp::translate_y(picture, pixels(picture.height, level)),
            Self::Rotate(level) => warp::rotate(picture, signed(range(0.0, 30.0, level))),
            Self::Brightness(level) => blend::brightness(picture, factor(level)),
            Self::Color(level) => blend::color(picture, factor(level)),
            Self::Contrast(level) => blend::contrast(picture, factor(level)),
            Self::Sharpness(level) => blend::sharpness(picture, factor(level)),
            Self::Posterize(level) => {
                let step = f32::from(levels - 1) / 4.0;
                let dropped = (f32::from(level) / step).round_ties_even();
                point::posterize(picture, 8 - dropped as u32);
            }
            Self::Solarize(level) => point::solarize(picture, range(255.0, 0.0, level)),
            Self::AutoContrast => point::autocontrast(picture),
            Self::Equalize => point::equalize(picture),
            Self::Invert => point::invert(picture),
        }
    }
}

/// The number at `level` of so many equally spaced ones, counted from the nearer end and in single
/// precision, as `torch.linspace` has it: a threshold such as 170 would otherwise fall on either side.
fn range(start: f32, end: f32, level: u8, levels: u8) -> f32 {
    let step = (end - start) / f32::from(levels - 1);
    if level < levels / 2 {
        start + step * f32::from(level)
    } else {
        end - step * f32::from(levels - 1 - level)
    }
}

/// RandAugment's operation of this name.
#[cfg(test)]
pub(super) fn by_name(name: &str, magnitude: u8, negative: bool, picture: &mut Picture) {
    let ops = RANDAUGMENT.iter().flatten().map(|op| op(magnitude));
    let mut named = ops.filter(|op| format!("{op:?}").split('(').next() == Some(name));
    match named.next() {
        Some(op) => op.apply(picture, negative, MAGNITUDES),
        None => assert_eq!(name, "Identity"),
    }
}

#[cfg(test)]
mod tests;
