use super::{Algebra, Coefficient, Method, Moment, Next, Norm, Perturbation, Vector, in_range};

/// SAMPa (Xie et al. 2024, algorithm 1): climbs from the point `y` where SGD would have gone, and mixes the gradient there
/// into the update:
///
/// ```text
/// x' = x + rho grad(y)/||grad(y)||
/// y <- x - lr grad(y)
/// x <- x - lr ((1 - lambda) grad(x') + lambda grad(y))        (grad(y): at the new y)
/// ```
///
/// The last term belongs to the next batch. Here it is a part of the next update: the weights that the loop sees are `x` without that
/// term, and with plain SGD the points at which gradients are taken are the authors', one by one. `lambda = 0` with `lr = 0` is SAM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampa {
    /// How much of the gradient at `y` goes into the update, from 0 to 1.
    pub lambda: f64,
    /// The optimizer's learning rate, which tells where `y` is; finite, not negative.
    pub lr: f64,
}

impl Default for Sampa {
    /// `lambda = 0.2`, the authors' value; `lr = 0.1`, that of their script, to be set to the optimizer's.
    fn default() -> Self {
        Self {
            lambda: 0.2,
            lr: 0.1,
        }
    }
}

// With the paper's names, where `u` are the loop's weights, `d` is the gradient at `y` and `a` the one at `x'`:
// `x_t = u_t - lr lambda d_t` and `u_t = x_(t-1) - lr (1 - lambda) a_(t-1)`, so that
// `y_t = x_(t-1) - lr d_(t-1) = u_t + lr ((1 - lambda) a_(t-1) - d_(t-1))`.
// The paper begins with `x = y`: the first update has no term of `d`.
impl Method for Sampa {
    fn first(&self, moment: Moment, algebra: &mut dyn Algebra) -> Option<Perturbation> {
        let (last, e) = (Vector::State(0), Vector::Scratch(0));
        algebra.combine(Coefficient::ZERO, e, self.lr.into(), last);
        (moment.step > 0).then(|| Perturbation::vector(e))
    }

    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, at_y, last) = (Vector::Gradient, Vector::Scratch(0), Vector::State(0));
        let lambda = if moment.step == 0 { 0.0 } else { self.lambda };
        if moment.passes == 1 {
            algebra.copy(g, at_y);
            let norm = algebra.dual_norm(g, moment.ball.norm);
            algebra.make_dual(g, &norm, moment.ball.rho);
            algebra.combine(Coefficient::ONE, g, (-self.lr * lambda).into(), at_y);
            return Next::Pass(Perturbation::vector(g));
        }
        algebra.scale(g, (1.0 - self.lambda).into());
        algebra.copy(g, last);
        algebra.combine(Coefficient::ONE, last, (-1.0).into(), at_y);
        algebra.combine(Coefficient::ONE, g, lambda.into(), at_y);
        Next::Update(g)
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("lambda", self.lambda, 0.0..=1.0)?;
        in_range("lr", self.lr, 0.0..)
    }
}
