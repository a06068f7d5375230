use super::{Algebra, Method, Moment, Next, Norm, Perturbation, Vector, in_range};

/// MSAM (Becker et al. 2024, algorithm 1): the one pass of a step runs at `w - rho v/||v||`, against the momentum
/// `v = momentum v + g` of the gradients so far; the update takes its gradient. A step costs what the base optimizer's
/// does. What the loop reads of the pass (its loss, its outputs) is what was found there.
///
/// rho is far larger than SAM's: the authors take 3 on CIFAR, 0.3 on ImageNet. Without momentum in the optimizer as well it is no longer
/// theirs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Msam {
    /// What of `v` stays at each step, from 0 and below 1: the optimizer's momentum.
    pub momentum: f64,
}

impl Default for Msam {
    /// `momentum = 0.9`, the authors' value.
    fn default() -> Self {
        Self { momentum: 0.9 }
    }
}

impl Method for Msam {
    fn first(&self, moment: Moment, algebra: &mut dyn Algebra) -> Option<Perturbation> {
        let v = Vector::State(0);
        let norm = algebra.dual_norm(v, moment.ball.norm);
        (moment.step > 0).then(|| Perturbation::dual_to(v, norm, -moment.ball.rho))
    }

    fn next(&self, _: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, v) = (Vector::Gradient, Vector::State(0));
        algebra.combine(self.momentum.into(), v, 1.0.into(), g);
        Next::Update(g)
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("momentum", self.momentum, 0.0..1.0)
    }
}
