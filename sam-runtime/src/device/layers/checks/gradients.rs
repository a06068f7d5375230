//! An operation against its loops: the result, and the gradients in every way that dfdx keeps them.

use dfdx::{
    nn::ZeroGrads,
    prelude::{Backward, Device},
    shapes::{ConstShape, Dtype, HasShape, Shape},
    tensor::{Gradients, OwnedTape, Tensor, Trace},
    tensor_ops::{RealizeTo, ReshapeTo, SumTo, TryMul},
};

use super::{
    super::LayerTape,
    assert::{assert_close, of_gradient, of_result},
    numbers::{Numbers, values},
};
use crate::{
    device::Channels,
    doors::free::{Free, Free2, Free4},
};

/// A shape, and the one in which dfdx takes such a tensor for a parameter.
pub(in crate::device) trait Ranked: Shape {
    type Parameter: ConstShape<Concrete = Self::Concrete>;
}

impl Ranked for (usize, usize) {
    type Parameter = Free2;
}

impl Ranked for (usize, usize, usize) {
    type Parameter = (Free, Free, Free);
}

impl Ranked for (usize, usize, usize, usize) {
    type Parameter = Free4;
}

/// An operation of `x` and parameters.
pub(in crate::device) trait Operation<E: Dtype, D: Device<E>> {
    type In: Ranked;
    type Out: Shape;

    /// What the device makes of `x`.
    fn run<T: LayerTape<E, D>>(
        &self,
        x: Tensor<Self::In, E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, D::Err>;

    /// The parameters, under their ids, flat: what else has a gradient.
    fn parameters(&self) -> Vec<Channels<E, D>>;

    /// What the loops make of `x` and these parameters.
    fn naive(&self, shape: &Self::In, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64>;
}

/// A tensor as one row of numbers, under its id.
pub(in crate::device) fn flat<S: Shape, E: Dtype, D: Device<E>>(
    x: &Tensor<S, E, D>,
) -> Channels<E, D> {
    x.clone().reshape_like(&(x.shape().num_elements(),))
}

/// How `x` comes, and which gradients are kept.
#[derive(Clone, Copy, Debug)]
enum Kept {
    /// All of them.
    All,
    /// All of them, added to those of an earlier pass.
    Twice,
    /// Those of the parameters: `x` is a network's input.
    Parameters,
    /// Those of the parameters, `x` being one.
    AllAreParameters,
    /// Those of the parameters, one of which `x` was computed from.
    FromParameter,
}

/// Checks `op` at `x`.
pub(in crate::device) fn check<E, D, O>(label: &str, op: &O, x: &Tensor<O::In, E, D>)
where
    E: Dtype,
    D: Device<E>,
    O: Operation<E, D>,
{
    check_shared(label, op, x, 1);
}

/// Checks `op` at `x`, whose memory is that of `times` equal parts, one after the other along the
/// batch: the gradient of one is that of all.
pub(in crate::device) fn check_shared<E, D, O>(
    label: &str,
    op: &O,
    x: &Tensor<O::In, E, D>,
    times: usize,
) where
    E: Dtype,
    D: Device<E>,
    O: Operation<E, D>,
{
    let shape = *x.shape();
    let parameters: Vec<Vec<f64>> = op.parameters().iter().map(values).collect();
    let want = op.naive(&shape, &values(x), &parameters);
    let y = op.run(x.clone()).unwrap();
    let result = |y: &[f64]| assert_close(&format!("{label}: y"), y, &want, of_result::<E>());
    result(&values(&y));

    // The loss is <r, y>.
    let r: Tensor<O::Out, E, D> = Numbers::new(99).tensor(x.device(), *y.shape());
    let (mut dx, dparameters) = differences(op, &shape, &values(x), &parameters, &values(&r));
    if times > 1 {
        let part = dx.len() / times;
        let sum = |i| (0..times).map(|t| dx[t * part + i]).sum();
        let sums: Vec<f64> = (0..part).map(sum).collect();
        dx = sums.repeat(times);
    }

    for kept in [
        Kept::All,
        Kept::Twice,
        Kept::Parameters,
        Kept::AllAreParameters,
        Kept::FromParameter,
    ] {
        let label = format!("{label}, {kept:?}");
        let pass = |gradients| {
            let traced = x.trace(gradients);
            let traced = match kept {
                Kept::FromParameter => traced.try_mul(E::ONE).unwrap(),
                _ => traced,
            };
            let y: Tensor<O::Out, E, D, OwnedTape<E, D>> = op.run(traced).unwrap();
            result(&values(&y));
            let loss = y.try_mul(r.clone()).unwrap();
            loss.sum::<(), <O::Out as Shape>::AllAxes>().backward()
        };
        let gradients = match kept {
            Kept::All => pass(Gradients::leaky()),
            Kept::Twice => pass(pass(Gradients::leaky())),
            Kept::Parameters => pass(allocated(op, x.device(), None)),
            Kept::AllAreParameters | Kept::FromParameter => {
                pass(allocated(op, x.device(), Some(x)))
            }
        };
        let passes = if matches!(kept, Kept::Twice) {
            2.0
        } else {
            1.0
        };
        let same = |what: &str, got: Vec<f64>, want: &[f64]| {
            let want: Vec<f64> = want.iter().map(|w| w * passes).collect();
            assert_close(&format!("{label}: {what}"), &got, &want, of_gradient::<E>());
        };
        if !matches!(kept, Kept::Parameters) {
            same("dx", values(&gradients.get(x)), &dx);
        }
        for (i, (parameter, want)) in op.parameters().iter().zip(&dparameters).enumerate() {
            same(
                &format!("gradient of parameter {i}"),
                values(&gradients.get(parameter)),
                want,
            );
        }
    }
}

/// Gradients as a model allocates them: of the parameters, and of `x` where it is one.
fn allocated<E, D, O>(op: &O, dev: &D, x: Option<&Tensor<O::In, E, D>>) -> Gradients<E, D>
where
    E: Dtype,
    D: Device<E>,
    O: Operation<E, D>,
{
    // A model has parameters, even if this operation has none.
    let another: Tensor<(Free,), E, D> = dev.zeros_like(&(1,)).try_realize().ok().unwrap();
    let mut gradients = another.alloc_grads();
    for parameter in op.parameters() {
        let parameter: Tensor<(Free,), E, D> = parameter.try_realize().ok().unwrap();
        parameter.zero_grads(&mut gradients);
    }
    if let Some(x) = x {
        let x = x
            .clone()
            .try_realize::<<O::In as Ranked>::Parameter>()
            .ok()
            .unwrap();
        x.zero_grads(&mut gradients);
    }
    gradients
}

/// The gradients of `<r, naive(x, parameters)>` by central differences.
fn differences<E, D, O>(
    op: &O,
    shape: &O::In,
    x: &[f64],
    parameters: &[Vec<f64>],
    r: &[f64],
) -> (Vec<f64>, Vec<Vec<f64>>)
where
    E: Dtype,
    D: Device<E>,
    O: Operation<E, D>,
{
    let mut all = vec![x.to_vec()];
    all.extend_from_slice(parameters);
    let mut gradients: Vec<Vec<f64>> = Vec::new();
    for operand in 0..all.len() {
        let mut gradient = Vec::new();
        for i in 0..all[operand].len() {
            const STEP: f64 = 1e-5;
            let here = all[operand][i];
            let mut loss = |at: f64| -> f64 {
                all[operand][i] = at;
                let y = op.naive(shape, &all[0], &all[1..]);
                y.iter().zip(r).map(|(y, r)| y * r).sum()
            };
            let difference = loss(here + STEP) - loss(here - STEP);
            all[operand][i] = here;
            gradient.push(difference / (2.0 * STEP));
        }
        gradients.push(gradient);
    }
    let parameters = gradients.split_off(1);
    (gradients.remove(0), parameters)
}
