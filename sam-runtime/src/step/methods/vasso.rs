use super::{Algebra, Method, Moment, Next, Norm, Perturbation, Vector, in_range};

/// VaSSO (Li & Giannakis 2023, algorithm 2): climbs along a running mean of the gradients, whose direction varies less than that
/// of one batch: `d = (1 - theta) d + theta g`, and `d = g` in the first step. `theta = 1` is SAM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vasso {
    /// What a gradient adds to the mean, from 0 to 1.
    pub theta: f64,
}

impl Default for Vasso {
    /// `theta = 0.9`, the authors' value.
    fn default() -> Self {
        Self { theta: 0.9 }
    }
}

impl Method for Vasso {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, mean) = (Vector::Gradient, Vector::State(0));
        match moment.step {
            0 => algebra.copy(g, mean),
            _ => algebra.combine((1.0 - self.theta).into(), mean, self.theta.into(), g),
        }
        let norm = algebra.dual_norm(mean, moment.ball.norm);
        Next::Last(Perturbation::dual_to(mean, norm, moment.ball.rho))
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("theta", self.theta, 0.0..=1.0)
    }
}
