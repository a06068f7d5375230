use super::{
    Algebra, Coefficient, Method, Moment, Next, Norm, Vector, in_range, sam_pass, take_away,
};

/// LookSAM (Liu et al. 2022, algorithm 1): a step of SAM every `k` steps, which keeps what of its gradient is at right angles to
/// the clean one, `g_v = g_a - <g_a, g>/||g||^2 g`. The steps between cost one gradient and take `g + alpha ||g||/||g_v|| g_v`. `k = 1` is
/// SAM. Norms are over all parameters together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookSam {
    /// Steps from one of SAM to the next, at least 1.
    pub k: u64,
    /// How much of what was kept is added; finite, not negative. The authors' value for vision transformers is 0.7; Becker
    /// et al. (2024) found 0.1 for ResNets.
    pub alpha: f64,
}

impl Default for LookSam {
    /// `k = 5`, `alpha = 0.7`, the authors' values.
    fn default() -> Self {
        Self { k: 5, alpha: 0.7 }
    }
}

impl Method for LookSam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, clean, kept) = (Vector::Gradient, Vector::Scratch(0), Vector::State(0));
        if !moment.step.is_multiple_of(self.k) {
            let (length, of_kept) = (algebra.length(g), algebra.length(kept));
            let add = Coefficient::from(self.alpha).times(&length).over(&of_kept);
            algebra.combine(Coefficient::ONE, g, add, kept);
            return Next::Update(g);
        }
        if moment.passes == 1 {
            return sam_pass(moment, algebra, clean);
        }
        algebra.copy(g, kept);
        take_away(algebra, kept, clean);
        Next::Update(g)
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        if self.k == 0 {
            return Err("`k` is 0, and must be at least 1".into());
        }
        in_range("alpha", self.alpha, 0.0..)
    }
}
