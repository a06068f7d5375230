//! Random changes of colours.

use rand::Rng;
use rand::seq::SliceRandom;

use super::super::DataError;
use super::blend;
use super::hue;
use super::picture::Picture;

/// How much the colours of an image are changed at random; see [`Augment::color_jitter`](super::Augment::color_jitter).
///
/// As torchvision's `ColorJitter`: the four changes are done in random order, those of 0 not at all.
///
/// ```
/// use sam_runtime::data::{Augment, Jitter};
///
/// let jitter = Jitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, ..Jitter::default() };
/// let augment = Augment::imagenet().color_jitter(jitter)?;
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jitter {
    /// The image times a factor, uniform in `1 - brightness` (0 at least) to `1 + brightness`.
    pub brightness: f64,
    /// Away from its mean brightness by such a factor.
    pub contrast: f64,
    /// Away from its grey version by such a factor.
    pub saturation: f64,
    /// Turns of the hue, uniform in `-hue` to `hue`; at most 0.5.
    pub hue: f64,
}

/// The changes, in the order of [`Jitter`]'s fields.
#[derive(Clone, Copy)]
enum Change {
    Brightness,
    Contrast,
    Saturation,
    Hue,
}

impl Jitter {
    pub(super) fn check(&self) -> Result<(), DataError> {
        let refused = |name, value, wanted| {
            Err(DataError::Augmentation {
                step: "color jitter",
                name,
                value,
                wanted,
            })
        };
        for (name, value) in [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return refused(name, value, "at least 0, and finite");
            }
        }
        match (0.0..=0.5).contains(&self.hue) {
            true => Ok(()),
            false => refused("hue", self.hue, "from 0 to 0.5"),
        }
    }

    pub(super) fn apply(&self, picture: &mut Picture, rng: &mut impl Rng) {
        let mut changes = [
            Change::Brightness,
            Change::Contrast,
            Change::Saturation,
            Change::Hue,
        ];
        changes.shuffle(rng);
        // All are drawn, so that what follows doesn't depend on the order, or on which are done.
        let mut factor = |most: f64| rng.gen_range((1.0 - most).max(0.0)..=1.0 + most) as f32;
        let [brightness, contrast, saturation] =
            [self.brightness, self.contrast, self.saturation].map(&mut factor);
        let turns = rng.gen_range(-self.hue..=self.hue);
        for change in changes {
            match change {
                Change::Brightness if self.brightness > 0.0 => {
                    blend::brightness(picture, brightness)
                }
                Change::Contrast if self.contrast > 0.0 => blend::contrast(picture, contrast),
                Change::Saturation if self.saturation > 0.0 => blend::color(picture, saturation),
                Change::Hue if self.hue > 0.0 => hue::turn(picture, hue::steps(turns)),
                _ => {}
            }
        }
    }
}
