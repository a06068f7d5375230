//! The largest eigenvalue of the Hessian, by a method of one's own.

use std::sync::{Arc, Mutex, PoisonError};

use sam_runtime::{
    prelude::*,
    step::methods::{Algebra, Coefficient, Method, Moment, Next, Perturbation, Vector},
};

/// A step of power iteration on the Hessian, as a method: its product with a vector is the central difference of the
/// gradients at rho in both directions. No update follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Power {
    eigenvalue: Arc<Mutex<f64>>,
}

impl Power {
    /// What the last step has found.
    pub(crate) fn value(&self) -> f64 {
        *self
            .eigenvalue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Method for Power {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, v, product) = (Vector::Gradient, Vector::State(0), Vector::Scratch(0));
        let rho = moment.ball.rho;
        if (moment.step, moment.passes) == (0, 1) {
            // The gradient lies where the curvature is.
            algebra.copy(g, v);
        }
        let norm = algebra.dual_norm(v, Norm::L2);
        match moment.passes {
            1 => Next::Pass(Perturbation::dual_to(v, norm, rho)),
            2 => {
                algebra.copy(g, product);
                Next::Pass(Perturbation::dual_to(v, norm, -rho))
            }
            _ => {
                algebra.combine(Coefficient::ONE, product, (-1.0).into(), g);
                let along = algebra.dot(v, product).value();
                let found = along / (2.0 * rho * norm.value());
                *self
                    .eigenvalue
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = found;
                algebra.copy(product, v);
                Next::Update(product)
            }
        }
    }
}
