//! AutoAugment as the SAM paper's code has it ([google-research/sam](https://github.com/google-research/sam),
//! `autoaugment`, on TensorFlow): more pairs of operations, other strengths, and grey for what comes from outside.
//!
//! | file | what it holds |
//! |---|---|
//! | `policy` | its policies |
//! | `tone` | operations on colours, where they differ from PIL's |
//! | `warp` | operations that move pixels |

mod policy;
mod tone;
mod warp;

use std::array::from_fn;

use rand::Rng;
use rand::seq::SliceRandom;

use super::super::picture::Picture;
use super::{blend, point};

use self::policy::SubPolicy;

/// The grey that fills what comes from outside the image.
const GREY: u8 = 128;

/// An operation with its level, from 0 to 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    ShearX(u8),
    ShearY(u8),
    TranslateX(u8),
    TranslateY(u8),
    Rotate(u8),
    Brightness(u8),
    Color(u8),
    Contrast(u8),
    Sharpness(u8),
    Posterize(u8),
    Solarize(u8),
    Cutout(u8),
    AutoContrast,
    Equalize,
    Invert,
}

/// What the code calls a policy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Policy {
    Cifar,
    Svhn,
}

/// One of the policy's pairs of operations, each done or left with its own probability and, where it has two
/// directions, in either.
pub(super) fn autoaugment(picture: &mut Picture, policy: Policy, rng: &mut impl Rng) {
    let pairs: &[SubPolicy] = match policy {
        Policy::Cifar => &policy::CIFAR,
        Policy::Svhn => &policy::SVHN,
    };
    let steps = pairs.choose(rng).expect("a policy has pairs");
    for &(op, tenths) in steps {
        // All are drawn whether or not they are needed, so that what follows doesn't depend on it.
        let (done, negative) = (rng.gen_range(0..10) < tenths, rng.r#gen());
        let centre = [picture.height, picture.width].map(|size| rng.gen_range(0..size));
        if done {
            op.apply(picture, negative, centre);
        }
    }
}

impl Op {
    /// Does it, at its level. `negative` picks the direction of those that have two, `centre` the place of a box.
    fn apply(self, picture: &mut Picture, negative: bool, centre: [usize; 2]) {
        // Levels are Python's numbers, of double precision; from there on, the code computes in single.
        let part = |level: u8, most: f64| f64::from(level) / 10.0 * most;
        let signed = |value: f64| {
            if negative {
                -value as f32
            } else {
                value as f32
            }
        };
        let factor = |level| (part(level, 1.8) + 0.1) as f32;
        match self {
            Self::ShearX(level) => warp::shear_x(picture, signed(part(level, 0.3))),
            Self::ShearY(level) => warp::shear_y(picture, signed(part(level, 0.3))),
            // Pixels, whatever the image's size: all of a small one is moved out.
            Self::TranslateX(level) => warp::translate_x(picture, signed(part(level, 250.0))),
            Self::TranslateY(level) => warp::translate_y(picture, signed(part(level, 250.0))),
            Self::Rotate(level) => warp::rotate(picture, signed(part(level, 30.0))),
            Self::Brightness(level) => blend::brightness(picture, factor(level)),
            Self::Color(level) => tone::color(picture, factor(level)),
            Self::Contrast(level) => tone::contrast(picture, factor(level)),
            Self::Sharpness(level) => tone::sharpness(picture, factor(level)),
            // The highest bit always stays.
            Self::Posterize(level) => point::posterize(picture, (part(level, 4.0) as u32).max(1)),
            Self::Solarize(level) => point::solarize(picture, part(level, 256.0).trunc() as f32),
            Self::Cutout(level) => cut_out(picture, centre, part(level, 100.0) as usize),
            Self::AutoContrast => tone::autocontrast(picture),
            Self::Equalize => point::equalize(picture),
            Self::Invert => point::invert(picture),
        }
    }
}

/// Makes a box grey that goes `half` pixels from its centre each way.
fn cut_out(picture: &mut Picture, centre: [usize; 2], half: usize) {
    let sizes = [picture.height, picture.width];
    let [rows, columns] =
        from_fn(|axis| centre[axis].saturating_sub(half)..(centre[axis] + half).min(sizes[axis]));
    let width = picture.width;
    for plane in picture.planes_mut() {
        for row in rows.clone() {
            plane[row * width..][columns.clone()].fill(GREY);
        }
    }
}

#[cfg(test)]
mod tests;
