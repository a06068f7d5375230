//! Layers against plain loops, against dfdx's own layers, and against their parts.

mod batch_norm;
mod compose;
mod fused;
mod sliding;

use dfdx::prelude::*;

/// `|a - b| <= 1e-10 max(1, |b|)`, number by number.
#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= 1e-10 * b.abs().max(1.0),
            "at {i}: {a}, expected {b}"
        );
    }
}

/// The gradients of `y * w` summed, for a `w` that is different everywhere.
fn gradients<S: Shape>(
    y: Tensor<S, f64, Cpu, OwnedTape<f64, Cpu>>,
) -> (Vec<f64>, Gradients<f64, Cpu>) {
    let values = y.as_vec();
    let w = (0..values.len()).map(|i| ((i * 7 + 3) % 11) as f64 - 4.5);
    let w = y.device().tensor_from_vec(w.collect(), *y.shape());
    let loss = (y * w).sum::<Rank0, AllOf<S>>();
    (values, loss.backward())
}

type AllOf<S> = <S as Shape>::AllAxes;
