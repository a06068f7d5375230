//! The passes through a layer that are compared.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use sam_runtime::device::{
    Affine, Channels, Image, Tail, TryBatchNorm, TryConv2D, TryConv2DBatchNorm, Window,
};

use crate::{
    case::{Case, Plain, Traced},
    walk::{compare_gradients, loaded},
};

/// What the file's batch normalizations add to the variance.
const EPSILON: f64 = 1e-5;

/// `forward_mut` and the way back, in a network's first layer, whose input needs no gradient, and in
/// a later one.
pub(super) fn train<L, X, Y>(case: &Case)
where
    L: BuildOnDevice<Cpu, f32>,
    L::Built: TensorCollection<f32, Cpu> + ModuleMut<Traced<X>, Output = Traced<Y>>,
    X: Shape,
    Y: Shape,
{
    let x: Plain<X> = case.tensor("x");
    for first in [true, false] {
        let mut layer = loaded::<L>(case);
        let traced = if first {
            x.trace(layer.alloc_grads())
        } else {
            x.leaky_trace()
        };
        let gradients = compare_y(case, layer.forward_mut(traced));
        compare_gradients(case, &layer, &gradients);
        if !first {
            case.compare("grad_x", &gradients.get(&x));
        }
    }
}

/// `forward`, as a model is evaluated.
pub(super) fn evaluate<L, X, Y>(case: &Case)
where
    L: BuildOnDevice<Cpu, f32>,
    L::Built: TensorCollection<f32, Cpu> + Module<Plain<X>, Output = Plain<Y>>,
    X: Shape,
    Y: Shape,
{
    case.compare("y", &loaded::<L>(case).forward(case.tensor("x")));
}

/// A layer that does the same in training and evaluation.
pub(super) fn both<L, X, Y>(case: &Case)
where
    L: BuildOnDevice<Cpu, f32>,
    L::Built: TensorCollection<f32, Cpu>
        + ModuleMut<Traced<X>, Output = Traced<Y>>
        + Module<Plain<X>, Output = Plain<Y>>,
    X: Shape,
    Y: Shape,
{
    train::<L, X, Y>(case);
    evaluate::<L, X, Y>(case);
}

/// `evaluate`, and the gradients of normalization by given statistics, which no layer asks for but
/// the device has.
pub(super) fn evaluate_and_differentiate<L, X, Y, Erased>(case: &Case)
where
    L: BuildOnDevice<Cpu, f32>,
    L::Built: TensorCollection<f32, Cpu> + Module<Plain<X>, Output = Plain<Y>>,
    X: Shape,
    Y: Shape,
    Erased: Shape,
{
    evaluate::<L, X, Y>(case);
    let (x, affine) = (case.tensor::<Erased>("x"), affine(case));
    let (mean, variance) = (case.tensor("running_mean"), case.tensor("running_var"));
    let tail = Tail {
        residual: None,
        relu: case.name.contains("relu"),
    };
    let y = Cpu::try_normalize(x.leaky_trace(), &affine, &mean, &variance, tail).unwrap();
    let gradients = compare_y(case, y);
    case.compare("grad_x", &gradients.get(&x));
    compare_affine(case, &affine, &gradients);
}

/// Compares what comes out, and returns the gradients.
fn compare_y<S: Shape>(case: &Case, y: Traced<S>) -> Gradients<f32, Cpu> {
    let (y, tape) = y.split_tape();
    case.compare("y", &y);
    case.backward(y.put_tape(tape))
}

fn affine(case: &Case) -> Affine<f32, Cpu> {
    Affine {
        scale: case.tensor("scale"),
        bias: case.tensor("bias"),
        epsilon: EPSILON,
    }
}

fn compare_affine(case: &Case, affine: &Affine<f32, Cpu>, gradients: &Gradients<f32, Cpu>) {
    case.compare("grad_scale", &gradients.get(&affine.scale));
    case.compare("grad_bias", &gradients.get(&affine.bias));
}

/// A convolution of 3x3 with padding, normalization, and the device's own way to add a residual
/// before ReLU.
pub(super) fn residual<const TRAINING: bool>(case: &Case) {
    let window = Window {
        padding: 1,
        ..Window::new(3)
    };
    let x: Image<f32, Cpu> = case.tensor("x");
    let weight: Image<f32, Cpu> = case.tensor("weight");
    let added: Image<f32, Cpu> = case.tensor("residual");
    let mean: Channels<f32, Cpu> = case.tensor("running_mean");
    let variance: Channels<f32, Cpu> = case.tensor("running_var");
    let affine = affine(case);
    let tail = Tail {
        residual: Some(added.leaky_trace()),
        relu: true,
    };
    let traced = x.leaky_trace();
    let y = if TRAINING {
        let (y, batch) =
            Cpu::try_conv2d_batch_norm(traced, &weight, window, 1, &affine, tail).unwrap();
        let unbiased = batch.count as f32 / (batch.count - 1) as f32;
        case.compare("running_mean_after", &(mean * 0.9 + batch.mean * 0.1));
        let seen = variance * 0.9 + batch.variance * (0.1 * unbiased);
        case.compare("running_var_after", &seen);
        y
    } else {
        let y = Cpu::try_conv2d(traced, &weight, window, 1).unwrap();
        Cpu::try_normalize(y, &affine, &mean, &variance, tail).unwrap()
    };
    let gradients = compare_y(case, y);
    case.compare("grad_x", &gradients.get(&x));
    case.compare("grad_weight", &gradients.get(&weight));
    case.compare("grad_residual", &gradients.get(&added));
    compare_affine(case, &affine, &gradients);
}
