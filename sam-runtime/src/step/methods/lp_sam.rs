use super::{Algebra, Ball, Method, Perturbation, Vector};

/// SAM (Foret et al. 2020): `e = rho sign(g) |g|^(q-1) / (||g||_q^q)^(1/p)` with `1/p + 1/q = 1`, eq. 2; in the
/// L2 norm `rho g / ||g||`. The method of a step that names none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LpSam;

impl Method for LpSam {
    fn perturbation(&self, algebra: &mut dyn Algebra, ball: Ball) -> Perturbation {
        Perturbation::dual_to(Vector::Gradient, algebra.gradient_norm(), ball.rho)
    }
}
