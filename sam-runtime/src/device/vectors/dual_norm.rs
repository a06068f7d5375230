use std::{fmt, sync::Arc};

use super::{DeviceScalars, Norm, Scalar, scalars};

/// The dual norm of a gradient, kept in the scaled form in which eq. 2 is evaluated without
/// overflow: with `M = max |g|` and `a = |g| / M`, `||g||_q = M (sum a^q)^(1/q)` and
/// `e = rho sign(g) a^(q-1) / (sum a^q)^(1/p)`.
#[derive(Clone)]
pub struct DualNorm {
    pub(super) norm: Norm,
    pub(super) place: Place,
}

/// Where the numbers of a norm are.
#[derive(Clone)]
pub(super) enum Place {
    Host {
        /// `M`; 1 where no scaling was needed.
        scale: f64,
        /// `sum a^q`; for `q = inf` the number of elements with `|g| = M` plays no part and this is 1.
        sum: f64,
    },
    /// `Record` in vectors.cu.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    Device(Arc<dyn DeviceScalars>),
}

/// Where `||g||_q` is among the numbers of a [`Place::Device`].
const VALUE: usize = 2;

impl DualNorm {
    pub(super) fn on_host(norm: Norm, scale: f64, sum: f64) -> Self {
        let place = Place::Host { scale, sum };
        Self { norm, place }
    }

    /// One whose value was read.
    pub(crate) fn known(norm: Norm, value: f64) -> Self {
        Self::on_host(norm, value, 1.0)
    }

    /// That of a vector without elements.
    pub(crate) fn of_nothing(norm: Norm) -> Self {
        Self::on_host(norm, 0.0, 1.0)
    }

    /// `||g||_q`. NaN or infinite when an element of the gradient is. On a GPU this waits for the step.
    pub fn value(&self) -> f64 {
        self.scalar().value()
    }

    /// `||g||_q`, where it is.
    pub fn scalar(&self) -> Scalar {
        Scalar(match &self.place {
            Place::Host { scale, sum } => scalars::Place::Host(match self.norm.dual() {
                q if q.is_infinite() => scale * sum,
                q => scale * sum.powf(1.0 / q),
            }),
            Place::Device(record) => scalars::Place::Device(record.clone(), VALUE),
        })
    }
}

impl fmt::Debug for DualNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DualNorm")
            .field("norm", &self.norm)
            .finish_non_exhaustive()
    }
}
