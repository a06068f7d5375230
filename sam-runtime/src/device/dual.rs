use std::{fmt, sync::Arc};

use super::{Norm, Numbers};

/// The dual norm of a gradient, kept in the scaled form in which eq. 2 is evaluated without
/// overflow: with `M = max |g|` and `a = |g| / M`, `||g||_q = M (sum a^q)^(1/q)` and
/// `e = rho sign(g) a^(q-1) / (sum a^q)^(1/p)`.
#[derive(Clone)]
pub struct DualNorm {
    pub(in crate::device) norm: Norm,
    pub(in crate::device) place: Place,
}

/// Where the numbers of a norm are.
#[derive(Clone)]
pub(in crate::device) enum Place {
    Host {
        /// `M`; 1 where no scaling was needed.
        scale: f64,
        /// `sum a^q`; for `q = inf` the number of elements with `|g| = M` plays no part and this is 1.
        sum: f64,
    },
    /// `Record` in step.cu.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    Device(Arc<dyn Numbers>),
}

/// Where `||g||_q` is among the numbers of a [`Place::Device`].
const VALUE: usize = 2;

impl DualNorm {
    pub(in crate::device) fn on_host(norm: Norm, scale: f64, sum: f64) -> Self {
        let place = Place::Host { scale, sum };
        Self { norm, place }
    }

    /// `||g||_q`. NaN or infinite when an element of the gradient is. On a GPU this waits for the step.
    pub fn value(&self) -> f64 {
        match &self.place {
            Place::Host { scale, sum } => match self.norm.dual() {
                q if q.is_infinite() => scale * sum,
                q => scale * sum.powf(1.0 / q),
            },
            Place::Device(numbers) => numbers.read()[VALUE],
        }
    }
}

impl fmt::Debug for DualNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DualNorm")
            .field("norm", &self.norm)
            .finish_non_exhaustive()
    }
}
