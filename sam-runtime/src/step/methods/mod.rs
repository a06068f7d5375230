//! Ways to climb: a method is a type that says, in an algebra over parameter-sized vectors, where the passes of a
//! step run, and what the update takes. It never meets tensors, tapes, chunks or devices.
//!
//! | file | method | gradients a step | vectors |
//! |---|---|---|---|
//! | `lp_sam` | [`LpSam`]: SAM itself, in the ball of any p-norm; more inner steps; the second-order term (Foret et al. 2020) | 2 | 0 |
//! | `asam` | [`Asam`]: in a ball that is measured weight by weight (Kwon et al. 2021) | 2 | 0 |
//! | `usam` | [`Usam`]: along the gradient as it is (Andriushchenko & Flammarion 2022) | 2 | 0 |
//! | `gsam` | [`Gsam`]: less of what only the clean gradient has (Zhuang et al. 2022) | 2 | 1 |
//! | `wsam` | [`Wsam`]: sharpness as a weighted term of the loss (Yue et al. 2023) | 2 | 1 |
//! | `stable` | [`Stable`]: the perturbed gradient at the clean one's length (Zhou et al. 2024) | 2 | 1 |
//! | `fsam` | [`Fsam`]: without what all batches share (Li et al. 2024) | 2 | 2 |
//! | `vasso` | [`Vasso`]: along a running mean of the gradients (Li & Giannakis 2023) | 2 | 1 |
//! | `esam` | [`Esam`]: some tensors at a time (Du et al. 2022) | 2 | 0 |
//! | `looksam` | [`LookSam`]: what SAM adds is found every k steps (Liu et al. 2022) | 1 + 1/k | 2 |
//! | `msam` | [`Msam`]: against the momentum, in one pass (Becker et al. 2024) | 1 | 1 |
//! | `sampa` | [`Sampa`]: at two points of which neither waits for the other (Xie et al. 2024) | 2 | 2 |
//!
//! Of the vectors that a method keeps from step to step a step holds copies, on the host and with `nonfinite = "skip"`: where it
//! gives no gradient, they come back.
//!
//! | file | what |
//! |---|---|
//! | `algebra` | [`Algebra`]: the vectors of a step, and what can be done with them |
//! | `any` | [`AnyMethod`]: one of the methods above, as a configuration names it |

mod algebra;
mod any;
mod asam;
mod esam;
mod fsam;
mod gsam;
mod looksam;
mod lp_sam;
mod msam;
mod sampa;
mod stable;
mod usam;
mod vasso;
mod wsam;

use std::{fmt, sync::Arc};

pub use algebra::{Algebra, Vector};
pub use any::AnyMethod;
pub use asam::Asam;
pub use esam::Esam;
pub use fsam::Fsam;
pub use gsam::Gsam;
pub use looksam::LookSam;
pub use lp_sam::LpSam;
pub use msam::Msam;
pub use sampa::Sampa;
pub use stable::Stable;
pub use usam::Usam;
pub use vasso::Vasso;
pub use wsam::Wsam;

pub use crate::device::{
    DualNorm, Norm,
    vectors::{Coefficient, Scalar},
};

/// A way to climb from the weights `w` to the points at which a step takes its gradients.
///
/// A method of one's own (here: SAM along the sum of this gradient and the last one):
///
/// ```
/// use sam_runtime::{Sam, dfdx::prelude::*};
/// use sam_runtime::step::methods::{Algebra, Coefficient, Method, Moment, Next, Perturbation, Vector};
///
/// #[derive(Debug)]
/// struct TwoBatches;
///
/// impl Method for TwoBatches {
///     fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
///         let (g, last, sum) = (Vector::Gradient, Vector::State(0), Vector::Scratch(0));
///         algebra.copy(g, sum);
///         algebra.combine(Coefficient::ONE, sum, Coefficient::ONE, last);
///         algebra.copy(g, last);
///         let norm = algebra.dual_norm(sum, moment.ball.norm);
///         Next::Last(Perturbation::dual_to(sum, norm, moment.ball.rho))
///     }
/// }
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
/// let grads = model.alloc_grads();
/// let sam = Sam::new(0.1).method(TwoBatches);
/// let grads = sam.step(&mut model, x, grads, |model, x, grads| {
///     model.forward_mut(x.traced(grads)).square().mean()
/// })?;
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
///
/// Under `m`, each chunk is climbed by itself, and has vectors of its own, as each of several workers would.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a way to climb",
    label = "the key `method` takes one of the library's, such as `gsam(alpha = 0.4)`, or a value of a type that implements `Method`",
    note = "see `errors/not-a-method` in sam-train's guide"
)]
pub trait Method: fmt::Debug + Send + Sync {
    /// Where the first pass runs; `None` is at the weights, so that the pass is the loop's own, in place. Elsewhere,
    /// what the loop reads of the pass is what was found there.
    fn first(&self, _: Moment, _: &mut dyn Algebra) -> Option<Perturbation> {
        None
    }

    /// What follows a pass, whose gradient is [`Vector::Gradient`]. Not asked where rho is 0, nor after a
    /// gradient that is not finite.
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next;

    /// Whether the numbers that the method was made with can be used, in a ball of this norm; if not, a sentence that
    /// says why.
    ///
    /// # Errors
    /// That sentence.
    fn check(&self, _: Norm) -> Result<(), String> {
        Ok(())
    }
}

/// When a method is asked, and what it may go by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Passes of this step that have run, on this chunk.
    pub passes: usize,
    /// Steps that the method has ended on this model, from 0. It goes on where a run is resumed. A step whose batch was left
    /// out is none, except on a GPU, where nobody waits to know it.
    pub step: u64,
    /// The neighbourhood.
    pub ball: Ball,
    /// A number at random for this step and chunk: the same one in a resumed run.
    pub random: u64,
}

/// The neighbourhood `||e||_p <= rho` of the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ball {
    /// The radius; above 0.
    pub rho: f64,
    /// The norm.
    pub norm: Norm,
}

/// What follows a pass.
#[derive(Clone, Debug)]
pub enum Next {
    /// One more pass, at `w + e`. The update takes its gradient as it is, which spares a vector and a way through
    /// memory.
    Last(Perturbation),
    /// One more pass, at `w + e`, after which the method is asked again.
    Pass(Perturbation),
    /// None: the update takes this vector.
    Update(Vector),
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
    /// (Foret et al. 2020, eq. 2); with a negative `rho` the opposite one. The same as [`Algebra::make_dual`], but
    /// in one pass over memory.
    pub fn dual_to(g: Vector, norm: DualNorm, rho: f64) -> Self {
        let (vector, dual) = (g, Some((norm, rho)));
        Self { vector, dual }
    }
}

impl<M: Method + ?Sized> Method for Arc<M> {
    fn first(&self, moment: Moment, algebra: &mut dyn Algebra) -> Option<Perturbation> {
        (**self).first(moment, algebra)
    }

    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        (**self).next(moment, algebra)
    }

    fn check(&self, norm: Norm) -> Result<(), String> {
        (**self).check(norm)
    }
}

/// SAM's second pass, after which the method is asked again. Keeps the clean gradient.
fn sam_pass(moment: Moment, algebra: &mut dyn Algebra, clean: Vector) -> Next {
    algebra.copy(Vector::Gradient, clean);
    let norm = algebra.gradient_norm();
    Next::Pass(Perturbation::dual_to(
        Vector::Gradient,
        norm,
        moment.ball.rho,
    ))
}

/// Takes away of `x` what is along `y`: `x = x - <x, y>/||y||^2 y`.
fn take_away(algebra: &mut dyn Algebra, x: Vector, y: Vector) {
    let (along, squares) = (algebra.dot(x, y), algebra.dot(y, y));
    let minus = Coefficient::from(-1.0).times(&along).over(&squares);
    algebra.combine(Coefficient::ONE, x, minus, y);
}

/// A sentence, unless a number is finite and in the range.
fn in_range(
    name: &str,
    value: f64,
    range: impl std::ops::RangeBounds<f64> + fmt::Debug,
) -> Result<(), String> {
    match value.is_finite() && range.contains(&value) {
        true => Ok(()),
        false => Err(format!("`{name}` is {value}, and must be in {range:?}")),
    }
}
