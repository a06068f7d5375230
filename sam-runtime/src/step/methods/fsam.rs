use super::{Algebra, Coefficient, Method, Moment, Next, Norm, Perturbation, Vector, in_range};

/// F-SAM, friendly SAM (Li et al. 2024, algorithm 1): climbs along what is this batch's own, the gradient without the running mean
/// of the gradients: `d = g - sigma m`, then `m = lambda m + (1 - lambda) g`, in the order of the authors' code; the first
/// step takes `d = m = g`. `sigma = 0` is SAM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fsam {
    /// How much of the mean is taken away; finite.
    pub sigma: f64,
    /// What of the mean stays at each step, from 0 to 1.
    pub lambda: f64,
}

impl Default for Fsam {
    /// `sigma = 1`, `lambda = 0.9`, the authors' values.
    fn default() -> Self {
        Self {
            sigma: 1.0,
            lambda: 0.9,
        }
    }
}

impl Method for Fsam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, mean, d) = (Vector::Gradient, Vector::State(0), Vector::Scratch(0));
        let along = if moment.step == 0 {
            algebra.copy(g, mean);
            g
        } else {
            algebra.copy(g, d);
            algebra.combine(Coefficient::ONE, d, (-self.sigma).into(), mean);
            algebra.combine(self.lambda.into(), mean, (1.0 - self.lambda).into(), g);
            d
        };
        let norm = algebra.dual_norm(along, moment.ball.norm);
        Next::Last(Perturbation::dual_to(along, norm, moment.ball.rho))
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("sigma", self.sigma, ..)?;
        in_range("lambda", self.lambda, 0.0..=1.0)
    }
}
