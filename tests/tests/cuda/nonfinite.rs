//! Gradients that are not finite, which the host hears of later.

use dfdx::prelude::*;
use sam_runtime::{
    Sam, StepError,
    step::{NonFinite, last_report},
};

use crate::world::*;

type Net = (Linear<5, 8>, BatchNorm1D<8>, ReLU, Linear<8, CLASSES>);
type Built = <Net as BuildOnDevice<Cuda, f64>>::Built;
type Flat = Rank2<ROWS, 5>;

/// A batch with NaN in it.
fn bad(dev: &Cuda) -> Batch<Flat, Cuda> {
    let mut x = sam_tests::noise(ROWS * 5, 9);
    x[7] = f64::NAN;
    let y = dev.tensor_from_vec(sam_tests::one_hot(ROWS, CLASSES), Default::default());
    (dev.tensor_from_vec(x, Default::default()), y)
}

fn step(sam: Sam, model: &mut Built, batch: Batch<Flat, Cuda>) -> Result<Vec<f64>, StepError> {
    let start = model.alloc_grads();
    let grads = sam.step(model, batch, start, loss)?;
    let (first, last) = (&model.0, &model.3);
    let [a, b] = [
        grads.get(&first.weight).as_vec(),
        grads.get(&last.bias).as_vec(),
    ];
    Ok([a, b].concat())
}

#[test]
fn a_batch_is_left_out_with_all_that_it_changed() {
    let dev = Cuda::default();
    let mut model = built::<Net, Cuda>(&dev);
    let before = state(&model);
    let sam = Sam::new(0.1).nonfinite(NonFinite::Skip);
    let gradient = step(sam.clone(), &mut model, bad(&dev)).unwrap();
    assert!(gradient.iter().all(|g| *g == 0.0), "{gradient:?}");
    assert_eq!(state(&model), before);
    let report = last_report().unwrap();
    assert!(report.skipped() && report.gradient_norm().unwrap().is_nan());
    // The next batch is as any other.
    let good = batches::<Flat, Cuda>(&dev, 1).remove(0);
    let gradient = step(sam, &mut model, good).unwrap();
    assert!(gradient.iter().all(|g| g.is_finite()) && gradient.iter().any(|g| *g != 0.0));
    assert!(!last_report().unwrap().skipped());
    assert_ne!(state(&model), before, "running statistics advance");
}

#[test]
fn an_error_comes_after_a_report_was_read() {
    let dev = Cuda::default();
    let mut model = built::<Net, Cuda>(&dev);
    let before = state(&model);
    step(Sam::new(0.1), &mut model, bad(&dev)).unwrap();
    assert_eq!(state(&model), before);
    // dfdx's ReLU makes 0 of NaN on a GPU, so the loss may be finite; the gradient is not.
    last_report().unwrap().clean_loss().unwrap();
    let good = batches::<Flat, Cuda>(&dev, 1).remove(0);
    let error = step(Sam::new(0.1), &mut model, good.clone()).unwrap_err();
    assert!(error.to_string().contains("the clean gradient"), "{error}");
    // Once.
    step(Sam::new(0.1), &mut model, good).unwrap();
}

#[test]
fn an_error_comes_after_a_hundred_steps_at_the_latest() {
    let dev = Cuda::default();
    let mut model = built::<Net, Cuda>(&dev);
    step(Sam::new(0.1), &mut model, bad(&dev)).unwrap();
    let good = batches::<Flat, Cuda>(&dev, 1).remove(0);
    let error = (0..100).find_map(|i| {
        let start = model.alloc_grads();
        let step = Sam::new(0.1).step(&mut model, good.clone(), start, loss);
        step.err().map(|error| (i, error))
    });
    let (after, error) = error.expect("an error");
    assert!(after <= 99, "{after}");
    assert!(matches!(error, StepError::NonFinite { .. }), "{error}");
}
