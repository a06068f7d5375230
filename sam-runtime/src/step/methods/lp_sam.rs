use super::{Algebra, Ball, Coefficient, Method, Moment, Next, Norm, Perturbation, Vector};

/// SAM (Foret et al. 2020): `e = rho sign(g) |g|^(q-1) / (||g||_q^q)^(1/p)` with `1/p + 1/q = 1`, eq. 2; in the
/// L2 norm `rho g / ||g||`. The method of a step that names none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LpSam {
    /// Inner steps of projected gradient ascent (the paper's section C.6), at least 1. Each goes `rho` along what is
    /// dual to the gradient where the last one ended, and back to the ball: scaled down to it, which in the L2
    /// norm is the projection. A step costs one gradient more than that.
    pub steps: usize,
    /// Adds the term that SAM drops (eq. 3 and section C.4): the update takes the gradient of `L(w + e(w))` whole,
    /// `(I + de/dw)^T g(w + e)`, with `de/dw = rho/||g|| (I - u u^T) H(w)` and `u = g/||g||`. The product with the
    /// Hessian is the central difference of two gradients at the weights, at the distance `epsilon^(1/3)`,
    /// where the errors of cutting off and of rounding are alike. In the L2 norm, with one inner step; 4 gradients.
    pub second_order: bool,
}

impl LpSam {
    /// SAM.
    pub const ONE_STEP: Self = Self {
        steps: 1,
        second_order: false,
    };
}

impl Default for LpSam {
    fn default() -> Self {
        Self::ONE_STEP
    }
}

impl Method for LpSam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        match self {
            Self {
                second_order: true, ..
            } => second_order(moment, algebra),
            Self { steps: 1, .. } => {
                let norm = algebra.gradient_norm();
                Next::Last(Perturbation::dual_to(
                    Vector::Gradient,
                    norm,
                    moment.ball.rho,
                ))
            }
            Self { steps, .. } => inner_step(moment, algebra, *steps),
        }
    }

    fn check(&self, norm: Norm) -> Result<(), String> {
        match self {
            Self { steps: 0, .. } => Err("`steps` is 0, and must be at least 1".into()),
            Self {
                steps: 2..,
                second_order: true,
            } => Err("the second-order term is that of one inner step: leave out `steps`".into()),
            Self {
                second_order: true, ..
            } if norm != Norm::L2 => Err(format!(
                "the second-order term is that of the L2 norm, not of {norm}"
            )),
            _ => Ok(()),
        }
    }
}

fn inner_step(moment: Moment, algebra: &mut dyn Algebra, steps: usize) -> Next {
    let Ball { rho, norm } = moment.ball;
    let (g, e) = (Vector::Gradient, Vector::Scratch(0));
    let dual = algebra.dual_norm(g, norm);
    algebra.make_dual(g, &dual, rho);
    if moment.passes == 1 {
        algebra.copy(g, e);
    } else {
        algebra.combine(Coefficient::ONE, e, Coefficient::ONE, g);
        algebra.shrink(e, norm, rho);
    }
    match moment.passes < steps {
        true => Next::Pass(Perturbation::vector(e)),
        false => Next::Last(Perturbation::vector(e)),
    }
}

fn second_order(moment: Moment, algebra: &mut dyn Algebra) -> Next {
    let rho = moment.ball.rho;
    // The clean gradient, and later what of the perturbed one is at right angles to it; what the update takes.
    let (v, update) = (Vector::Scratch(0), Vector::Scratch(1));
    let g = Vector::Gradient;
    let distance = algebra.epsilon().cbrt();
    let at = |algebra: &mut dyn Algebra, distance: f64| {
        let norm = algebra.dual_norm(v, Norm::L2);
        Next::Pass(Perturbation::dual_to(v, norm, distance))
    };
    // rho/||g|| H v, of which each end of the difference is one half.
    let add = |algebra: &mut dyn Algebra, sign: f64| {
        let length = algebra.dual_norm(v, Norm::L2).scalar();
        let half = Coefficient::from(sign * rho / (2.0 * distance))
            .times(&length)
            .over(&algebra.gradient_norm().scalar());
        algebra.combine(Coefficient::ONE, update, half, g);
    };
    match moment.passes {
        1 => {
            algebra.copy(g, v);
            Next::Pass(Perturbation::dual_to(v, algebra.gradient_norm(), rho))
        }
        2 => {
            algebra.copy(g, update);
            let (along, squares) = (algebra.dot(v, g), algebra.dot(v, v));
            let minus = Coefficient::from(-1.0).times(&along).over(&squares);
            algebra.combine(minus, v, Coefficient::ONE, g);
            at(algebra, distance)
        }
        3 => {
            add(algebra, 1.0);
            at(algebra, -distance)
        }
        _ => {
            add(algebra, -1.0);
            Next::Update(update)
        }
    }
}
