//! The cross entropy against its definition, and against dfdx's.

use dfdx::{
    losses::cross_entropy_with_logits_loss,
    prelude::Backward,
    shapes::{Dtype, HasShape},
    tensor::{Tensor, Trace},
    tensor_ops::{ReshapeTo, TryMul},
};

use super::TryCrossEntropy;
use crate::device::{
    Channels, LayerTape, Rows,
    layers::checks::{
        Numbers, Operation, Two, assert_close, check, of_gradient, of_result, on_every_device,
        refused, values,
    },
};

on_every_device! { cross_entropy, as_dfdx_does, large_logits, misfits }

struct CrossEntropy<E: Dtype, D: TryCrossEntropy<E>> {
    targets: Rows<E, D>,
}

impl<E: Dtype, D: TryCrossEntropy<E>> Operation<E, D> for CrossEntropy<E, D> {
    type In = Two;
    // dfdx can't add up a scalar on a GPU.
    type Out = (usize,);

    fn run<T: LayerTape<E, D>>(
        &self,
        x: Rows<E, D, T>,
    ) -> Result<Tensor<(usize,), E, D, T>, D::Err> {
        D::try_cross_entropy(x, &self.targets)?.try_reshape_like(&(1,))
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, &(batch, classes): &Two, x: &[f64], _: &[Vec<f64>]) -> Vec<f64> {
        let targets = values(&self.targets);
        let rows = x.chunks(classes).zip(targets.chunks(classes));
        let of_rows = rows.map(|(x, targets)| {
            let log = x.iter().map(|x| x.exp()).sum::<f64>().ln();
            let terms = x.iter().zip(targets);
            terms.map(|(x, t)| t * (log - x)).sum::<f64>()
        });
        vec![of_rows.sum::<f64>() / batch as f64]
    }
}

/// Few and many rows and classes: one block and several, one thread a row and a whole warp.
const SIZES: [Two; 6] = [(1, 1), (5, 3), (3, 10), (7, 70), (2, 600), (300, 4)];

fn cross_entropy<E: Dtype, D: TryCrossEntropy<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(31));
    for size in SIZES {
        let op = CrossEntropy {
            targets: numbers.tensor::<_, E, D>(&dev, size),
        };
        let x = numbers.tensor(&dev, size);
        check(&format!("{size:?}"), &op, &x);
    }
}

fn as_dfdx_does<E: Dtype, D: TryCrossEntropy<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(32));
    let (x, targets): (Rows<E, D>, Rows<E, D>) =
        (numbers.tensor(&dev, (6, 9)), numbers.tensor(&dev, (6, 9)));
    let two = E::from_f64(2.0).unwrap();
    let ours = D::try_cross_entropy(x.leaky_trace(), &targets)
        .unwrap()
        .try_mul(two)
        .unwrap();
    let dfdxs = cross_entropy_with_logits_loss(x.leaky_trace(), targets)
        .try_mul(two)
        .unwrap();
    assert_close("loss", &values(&ours), &values(&dfdxs), of_result::<E>());
    let [ours, dfdxs] = [ours, dfdxs].map(|loss| values(&loss.backward().get(&x)));
    assert_close("gradient", &ours, &dfdxs, of_gradient::<E>());
}

/// Exponentials that are no numbers; an impossible class.
fn large_logits<E: Dtype, D: TryCrossEntropy<E>>() {
    let dev = D::default();
    let tensor = |numbers: [f64; 6]| -> Rows<E, D> {
        let numbers = numbers.map(|x| E::from_f64(x).unwrap());
        dev.tensor_from_vec(numbers.to_vec(), (2, 3))
    };
    let x = tensor([3000.0, 3000.0, -3000.0, -8000.0, -8001.0, -9000.0]);
    let targets = tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let loss = D::try_cross_entropy(x.leaky_trace(), &targets).unwrap();
    let other = 1.0 + (-1.0_f64).exp().ln_1p();
    let expected = [(2.0_f64.ln() + other) / 2.0];
    assert_close("loss", &values(&loss), &expected, of_result::<E>());
    let second = 1.0 / (1.0 + 1.0_f64.exp());
    let expected = [
        -0.25,
        0.25,
        0.0,
        (1.0 - second) / 2.0,
        (second - 1.0) / 2.0,
        0.0,
    ];
    let found = values(&loss.backward().get(&x));
    assert_close("gradient", &found, &expected, of_gradient::<E>());
}

fn misfits<E: Dtype, D: TryCrossEntropy<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(33));
    let x: Rows<E, D> = numbers.tensor(&dev, (4, 3));
    for (what, size) in [("other rows", (3, 3)), ("other classes", (4, 2))] {
        let targets = numbers.tensor(&dev, size);
        refused(what, D::try_cross_entropy(x.clone(), &targets));
    }
    let none: Rows<E, D> = numbers.tensor(&dev, (0, 3));
    assert_eq!(none.shape().0, 0);
    refused("no rows", D::try_cross_entropy(none.clone(), &none));
}
