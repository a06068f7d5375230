use super::{Algebra, Coefficient, Method, Moment, Next, Norm, Vector, in_range, sam_pass};

/// WSAM (Yue et al. 2023, eq. 8): sharpness as a term of the loss with a weight of its own,
/// `L + gamma/(1-gamma) (L_SAM - L)`. The update takes `(1 - a) g + a g_a` with `a = gamma/(1-gamma)`: the authors' coupled
/// form, since the base optimizer meets one gradient. `gamma = 1/2` is SAM, `gamma = 0` the base optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wsam {
    /// The weight, from 0 and below 1.
    pub gamma: f64,
}

impl Default for Wsam {
    /// `gamma = 0.9`; the authors' program has 0.88, and they find 0.8 to 0.95 best.
    fn default() -> Self {
        Self { gamma: 0.9 }
    }
}

impl Method for Wsam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, clean) = (Vector::Gradient, Vector::Scratch(0));
        if moment.passes == 1 {
            return sam_pass(moment, algebra, clean);
        }
        let weight = self.gamma / (1.0 - self.gamma);
        let keep = Coefficient::from(weight);
        algebra.combine(keep, g, (1.0 - weight).into(), clean);
        Next::Update(g)
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("gamma", self.gamma, 0.0..1.0)
    }
}
