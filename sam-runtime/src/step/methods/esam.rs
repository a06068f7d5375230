use std::cell::RefCell;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{Algebra, Method, Moment, Next, Norm, Perturbation, Vector, in_range};
use crate::step::when::unit;

/// ESAM's stochastic weight perturbation (Du et al. 2022, section 3.1): each tensor is perturbed with the probability beta, and the
/// perturbation is `1/beta` times as long, so that its mean is SAM's. By tensors, as in the authors' code. `beta = 1` is SAM.
///
/// The authors' other half, which leaves out samples of the second pass, needs the loss of each sample by itself, and is not here; nor is
/// what they save of the first backward pass, since dfdx's tape takes all gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Esam {
    /// The share of the tensors that are perturbed, above 0 and up to 1.
    pub beta: f64,
}

impl Default for Esam {
    /// `beta = 0.5`, the authors' value.
    fn default() -> Self {
        Self { beta: 0.5 }
    }
}

impl Method for Esam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let g = Vector::Gradient;
        // One draw for each tensor, in the model's order.
        let rng = RefCell::new(ChaCha12Rng::seed_from_u64(moment.random));
        algebra.mask(g, &|_| unit(rng.borrow_mut().next_u64()) >= self.beta);
        let norm = algebra.dual_norm(g, moment.ball.norm);
        Next::Last(Perturbation::dual_to(g, norm, moment.ball.rho / self.beta))
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("beta", self.beta, f64::MIN_POSITIVE..=1.0)
    }
}
