use super::{Algebra, Method, Moment, Next, Perturbation, Vector};

/// SAM along the gradient as it is: `e = rho g` (Andriushchenko & Flammarion 2022, eq. 5; what the normalisation is good
/// for: Dai, Ahn & Sra 2023). The ball's norm plays no part; with rho / ||g|| it is SAM.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usam;

impl Method for Usam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        algebra.scale(Vector::Gradient, moment.ball.rho.into());
        Next::Last(Perturbation::vector(Vector::Gradient))
    }
}
