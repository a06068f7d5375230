//! What the keys of the attribute say.

use super::{Clip, NonFinite, frozen::IsFrozen};
use crate::device::Norm;

/// What the keys of the attribute say about one step.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Radius of the neighbourhood; 0 is the base optimizer.
    pub rho: f64,
    /// Norm of the neighbourhood.
    pub norm: Norm,
    /// What a NaN or infinite gradient does.
    pub nonfinite: NonFinite,
    /// Bounds of the final gradient.
    pub clip: Clip,
    /// Which parameters are not perturbed.
    pub frozen: Option<IsFrozen>,
}

impl Settings {
    /// The same, with the final gradient's norm bounded.
    #[must_use]
    pub fn clip(mut self, norm: f64) -> Self {
        self.clip.norm = Some(norm);
        self
    }

    /// The same, with some parameters left where they are.
    #[must_use]
    pub fn frozen(mut self, is_frozen: IsFrozen) -> Self {
        self.frozen = Some(is_frozen);
        self
    }

    /// The same, with each element of the final gradient bounded.
    #[must_use]
    pub fn clip_value(mut self, value: f64) -> Self {
        self.clip.value = Some(value);
        self
    }
}
