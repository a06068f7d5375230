use super::{
    Algebra, Coefficient, Method, Moment, Next, Norm, Vector, in_range, sam_pass, take_away,
};

/// GSAM (Zhuang et al. 2022, algorithm 1): the update takes `g_a - alpha g_v`, where `g_a` is the gradient at
/// `w + e` and `g_v` what of the clean gradient is at right angles to it, so that the surrogate gap
/// `L(w + e) - L(w)` falls while the perturbed loss, to first order, does not rise for it. `alpha = 0` is SAM.
///
/// The authors let rho follow the learning rate (their eq. 6): see
/// [`rho_of_learning_rate`](crate::schedule::rho_of_learning_rate). Their alpha is 0.01 for ResNets and 0.4 to 1.0 for vision transformers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gsam {
    /// How much is taken away; finite, not negative.
    pub alpha: f64,
}

impl Default for Gsam {
    /// `alpha = 0.4`, the authors' value for ViT-B/16.
    fn default() -> Self {
        Self { alpha: 0.4 }
    }
}

impl Method for Gsam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, clean) = (Vector::Gradient, Vector::Scratch(0));
        if moment.passes == 1 {
            return sam_pass(moment, algebra, clean);
        }
        take_away(algebra, clean, g);
        algebra.combine(Coefficient::ONE, g, (-self.alpha).into(), clean);
        Next::Update(g)
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("alpha", self.alpha, 0.0..)
    }
}
