//! Ways to climb: a method is a type that says, in an algebra over parameter-sized vectors, where the second pass
//! of a step runs. It never meets tensors, tapes, chunks or devices.
//!
//! | file | what |
//! |---|---|
//! | `lp_sam` | [`LpSam`]: SAM itself, in the ball of any p-norm (Foret et al. 2020, eq. 2) |
//! | `asam` | [`Asam`]: in a ball that is measured weight by weight (Kwon et al. 2021) |
//! | `algebra` | [`Algebra`]: the vectors of a step, and what can be done with them |

mod algebra;
mod asam;
mod lp_sam;

use std::fmt;

pub use algebra::{Algebra, Vector};
pub use asam::Asam;
pub use lp_sam::LpSam;

pub use crate::device::{
    DualNorm, Norm,
    vectors::{Coefficient, Scalar},
};

/// A way to climb from the weights `w` to the point `w + e` at which a step takes its gradient.
///
/// A method of one's own (here: not the worst point, but along the gradient as it is, as in Andriushchenko &
/// Flammarion 2022):
///
/// ```
/// use sam_runtime::{Sam, dfdx::prelude::*};
/// use sam_runtime::step::methods::{Algebra, Ball, Coefficient, Method, Perturbation, Vector};
///
/// /// `e = rho g`.
/// #[derive(Debug)]
/// struct Unnormalized;
///
/// impl Method for Unnormalized {
///     fn perturbation(&self, algebra: &mut dyn Algebra, ball: Ball) -> Perturbation {
///         algebra.scale(Vector::Gradient, ball.rho.into());
///         Perturbation::vector(Vector::Gradient)
///     }
/// }
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
/// let grads = model.alloc_grads();
/// let sam = Sam::new(0.1).method(Unnormalized);
/// let grads = sam.step(&mut model, x, grads, |model, x, grads| {
///     model.forward_mut(x.traced(grads)).square().mean()
/// })?;
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
pub trait Method: fmt::Debug + Send + Sync {
    /// The perturbation `e`, from the gradient of the clean pass at `w` ([`Vector::Gradient`]), which may be
    /// overwritten. Under `m`, each chunk has its own. Not called where `rho` is 0, and for a gradient that is
    /// not finite.
    fn perturbation(&self, algebra: &mut dyn Algebra, ball: Ball) -> Perturbation;
}

/// The neighbourhood `||e||_p <= rho` of the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ball {
    /// The radius; above 0.
    pub rho: f64,
    /// The norm.
    pub norm: Norm,
}

/// Where a pass runs: at `w + e`.
#[derive(Clone, Debug)]
pub struct Perturbation {
    pub(super) vector: Vector,
    /// Where `e` is dual to the vector: the vector's norm, and `rho`.
    pub(super) dual: Option<(DualNorm, f64)>,
}

impl Perturbation {
    /// `e` is this vector.
    pub fn vector(e: Vector) -> Self {
        let (vector, dual) = (e, None);
        Self { vector, dual }
    }

    /// `e` is dual to the vector `g` with this norm: of all `||e||_p <= rho` the one with the largest `<e, g>`
    /// (Foret et al. 2020, eq. 2). The same as [`Algebra::make_dual`], but in one pass over memory.
    pub fn dual_to(g: Vector, norm: DualNorm, rho: f64) -> Self {
        let (vector, dual) = (g, Some((norm, rho)));
        Self { vector, dual }
    }
}
