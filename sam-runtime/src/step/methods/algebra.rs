use super::{Coefficient, DualNorm, Norm, Scalar};

/// A parameter-sized vector of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vector {
    /// The gradient of the pass that has just run, without what the loop had gathered before; in a method's
    /// [`first`](super::Method::first) it is not there, and of no use. Of parameters that are frozen it is 0.
    Gradient,
    /// A vector that the method keeps from step to step, by a number of its choice; zero at first. Checkpoints hold
    /// it.
    State(usize),
    /// One that is kept from pass to pass, and holds anything when a step begins.
    Scratch(usize),
}

/// The vectors of a step, and what a [`Method`](super::Method) can do with them: element by element, over all
/// parameters of the model together. On a GPU nothing here waits for the device, as long as no
/// [`Scalar::value`] is asked for. Where the device fails, the step does.
///
/// Norms are taken over the parameters that are perturbed (all, unless the step's `on` says otherwise), and what a
/// perturbation has at others is left out.
pub trait Algebra {
    /// `||g||_q` of the gradient of the step's first pass, as it came, in the dual of the ball's norm.
    fn gradient_norm(&self) -> DualNorm;

    /// `||v||_q`, in the dual of `norm`.
    fn dual_norm(&mut self, v: Vector, norm: Norm) -> DualNorm;

    /// `||v||_2` over all parameters, perturbed or not: the length of what the update takes.
    fn length(&mut self, v: Vector) -> Scalar;

    /// `<a, b>`, over all parameters.
    fn dot(&mut self, a: Vector, b: Vector) -> Scalar;

    /// `x = keep x + add y`. A vector whose coefficient is 0 plays no part, whatever its elements are.
    fn combine(&mut self, keep: Coefficient, x: Vector, add: Coefficient, y: Vector);

    /// `to = from`.
    fn copy(&mut self, from: Vector, to: Vector) {
        self.combine(Coefficient::ZERO, to, Coefficient::ONE, from);
    }

    /// `v = by v`.
    fn scale(&mut self, v: Vector, by: Coefficient);

    /// `v = v (|w| + eta)`, with the weights `w`, at the parameters of these names (dfdx's, such as
    /// `0.weight`); elsewhere `v` remains.
    fn scale_by_size(&mut self, v: Vector, eta: f64, is_scaled: &dyn Fn(&str) -> bool);

    /// `v` becomes the perturbation that is dual to it: see [`Perturbation::dual_to`](super::Perturbation::dual_to). At parameters
    /// that are not perturbed it becomes 0.
    fn make_dual(&mut self, v: Vector, norm: &DualNorm, rho: f64);

    /// `v` is scaled down to `||v||_p = bound` if it is longer; in the L2 norm, the projection onto the ball.
    fn shrink(&mut self, v: Vector, norm: Norm, bound: f64);

    /// Zeroes `v` at the parameters of these names; asks once for each, in the order of the model.
    fn mask(&mut self, v: Vector, is_zeroed: &dyn Fn(&str) -> bool);

    /// The difference between 1 and the next number of the weights' type: 2^-23 for `f32`, 2^-52 for `f64`.
    fn epsilon(&self) -> f64;
}
