use super::{Algebra, Coefficient, Method, Moment, Next, Vector, sam_pass};

/// StableSAM (Zhou et al. 2024): the gradient at `w + e`, scaled to the length of the clean one,
/// `||g|| / ||g_a|| g_a`, so that a step is as long as the base optimizer's. Lengths are L2 over all
/// parameters, whatever the ball.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stable;

impl Method for Stable {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, clean) = (Vector::Gradient, Vector::Scratch(0));
        if moment.passes == 1 {
            return sam_pass(moment, algebra, clean);
        }
        let (was, is) = (algebra.length(clean), algebra.length(g));
        algebra.scale(g, Coefficient::ONE.times(&was).over(&is));
        Next::Update(g)
    }
}
