//! What the keys of the attribute say, and the functions of [`Sam`](super::Sam).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{On, StepError, When, frozen::IsFrozen, methods::Method};
use crate::device::Norm;

/// What the keys of the attribute say about one step.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Radius of the neighbourhood; 0 is the base optimizer.
    pub rho: f64,
    /// Norm of the neighbourhood.
    pub norm: Norm,
    /// The way to climb; `None` is SAM's own.
    pub method: Option<Arc<dyn Method>>,
    /// Which parameters are perturbed.
    pub on: On,
    /// Which steps are SAM's; the others are the base optimizer's.
    pub when: When,
    /// What a NaN or infinite gradient does.
    pub nonfinite: NonFinite,
    /// Bounds of the final gradient.
    pub clip: Clip,
    /// Which parameters are not perturbed.
    pub frozen: Option<IsFrozen>,
}

impl Settings {
    /// SAM in the neighbourhood `||e||_p <= rho`, without anything else.
    pub const fn new(rho: f64, norm: Norm) -> Self {
        Self {
            rho,
            norm,
            method: None,
            on: On::All,
            when: When::ALWAYS,
            nonfinite: NonFinite::Error,
            clip: Clip::NONE,
            frozen: None,
        }
    }

    /// The same, with another way to climb.
    #[must_use]
    pub fn method(mut self, method: impl Method + 'static) -> Self {
        self.method = Some(Arc::new(method));
        self
    }

    /// The same, with these parameters perturbed.
    #[must_use]
    pub fn on(mut self, on: impl Into<On>) -> Self {
        self.on = on.into();
        self
    }

    /// The same, with these steps of SAM's.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

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

    /// rho is finite and not negative, and so are the bounds, which are above 0.
    pub(super) fn check(&self) -> Result<(), StepError> {
        if !(self.rho.is_finite() && self.rho >= 0.0) {
            return Err(StepError::Rho(self.rho));
        }
        if let Some(method) = &self.method {
            method.check(self.norm).map_err(StepError::Method)?;
        }
        self.when.check()?;
        self.clip.check()
    }

    /// Whether a step goes by those before it.
    pub(super) fn has_memory(&self) -> bool {
        self.method.is_some() || self.when != When::ALWAYS
    }
}

/// What a gradient norm of NaN or infinity does.
///
/// ```
/// use sam_runtime::{NonFinite, Sam, StepError, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let grads = model.alloc_grads();
/// for (nonfinite, is_error) in [(NonFinite::Skip, false), (NonFinite::Error, true)] {
///     let x: Tensor<Rank2<8, 4>, f32, _> = dev.ones();
///     let sam = Sam::new(0.05).nonfinite(nonfinite);
///     let result = sam.step(&mut model, x * f32::INFINITY, grads.clone(), |model, x, grads| {
///         model.forward_mut(x.traced(grads)).mean()
///     });
///     assert_eq!(matches!(result, Err(StepError::NonFinite { .. })), is_error);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NonFinite {
    /// The step fails with [`StepError::NonFinite`].
    #[default]
    Error,
    /// The batch is left out: the starting gradients come back unchanged.
    Skip,
}

/// Bounds of a gradient, applied right before the update: to SAM's gradient and not to the clean one that
/// only shows where to climb. Clipping that one would change nothing but rho.
///
/// Where both are given, elements are bounded first.
///
/// ```
/// use sam_runtime::step::Clip;
///
/// let bounds = Clip { norm: Some(1.0), ..Clip::NONE };
/// assert_eq!(bounds.value, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clip {
    /// The largest L2 norm over all parameters together: a longer gradient is scaled down to it, as by
    /// PyTorch's `clip_grad_norm_` (Pascanu et al. 2013, algorithm 1).
    pub norm: Option<f64>,
    /// The largest absolute value of an element, as by PyTorch's `clip_grad_value_`.
    pub value: Option<f64>,
}

impl Clip {
    /// No bounds.
    pub const NONE: Self = Self {
        norm: None,
        value: None,
    };

    /// Both bounds, where there are some, are finite and above 0.
    pub(super) fn check(&self) -> Result<(), StepError> {
        match [self.norm, self.value]
            .into_iter()
            .flatten()
            .find(|bound| !(bound.is_finite() && *bound > 0.0))
        {
            Some(bound) => Err(StepError::Clip(bound)),
            None => Ok(()),
        }
    }
}
