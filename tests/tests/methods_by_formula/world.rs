//! The network, its batches, a training loop that notes where each pass runs.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{Sam, StepError, prelude::*};
use sam_tests::*;

/// Weights, biases, and both tensors of a normalisation layer.
pub(crate) type Net = (Linear<4, 5>, LayerNorm1D<5>, Tanh, Linear<5, 3>);
pub(crate) type Model = Built<Net, Cpu, f64>;
pub(crate) type Data = Classes<6, 4, 3, f64>;

/// The parameters' names, and how many numbers each has.
pub(crate) const LAYOUT: [(&str, usize); 6] = [
    ("0.weight", 20),
    ("0.bias", 5),
    ("1.gamma", 5),
    ("1.beta", 5),
    ("3.weight", 15),
    ("3.bias", 3),
];

pub(crate) const RHO: f64 = 0.2;
pub(crate) const LR: f64 = 0.1;

/// For each number of the model whether its tensor's name is one of these.
pub(crate) fn numbers_of(is_in: impl Fn(&str) -> bool) -> Vec<bool> {
    let of = |(name, len): (&str, usize)| vec![is_in(name); len];
    LAYOUT.into_iter().flat_map(of).collect()
}

/// A new model, with the numbers that all tests begin with: to SAM's memory it is another one each time.
pub(crate) fn start() -> Model {
    let mut model = Cpu::seed_from_u64(5).build_module::<Net, f64>();
    let len = parameters(&model).len();
    set_parameters(&mut model, &noise(len, 1));
    model
}

/// Batches that differ, in inputs and labels.
pub(crate) fn batches(count: u64) -> Vec<Data> {
    let dev = Cpu::default();
    let batch = |seed: u64| {
        let (x, _): Data = classes(&dev, 10 + seed);
        let labels = one_hot(12, 3);
        let from = 3 * (seed as usize % 7);
        (x, tensor(&dev, &labels[from..from + 18]))
    };
    (0..count).map(batch).collect()
}

pub(crate) type Loss = Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>>;

pub(crate) fn loss(model: &mut Model, (x, y): Data, grads: Gradients<f64, Cpu>) -> Loss {
    cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
}

/// The gradient at these weights: dfdx's, without SAM.
pub(crate) fn gradient_at(w: &[f64], batch: &Data) -> Vec<f64> {
    let mut model = start();
    set_parameters(&mut model, w);
    let start = model.alloc_grads();
    let grads = loss(&mut model, batch.clone(), start).backward();
    gradient(&model, &grads)
}

/// The loss at these weights.
pub(crate) fn loss_at(w: &[f64], batch: &Data) -> f64 {
    let mut model = start();
    set_parameters(&mut model, w);
    let start = model.alloc_grads();
    loss(&mut model, batch.clone(), start).array()
}

/// One step: its gradient, and the weights of each pass.
pub(crate) struct Stepped {
    pub(crate) gradient: Vec<f64>,
    pub(crate) points: Vec<Vec<f64>>,
}

/// A step of `sam` on `model`, which it moves by plain SGD.
pub(crate) fn step(sam: &Sam, model: &mut Model, batch: &Data) -> Result<Stepped, StepError> {
    let start = model.alloc_grads();
    step_from(start, sam, model, batch, &|_| 1.0)
}

/// The same, from gradients that are there already, where the loss of each pass (from 0) is multiplied by a number.
pub(crate) fn step_from(
    start: Gradients<f64, Cpu>,
    sam: &Sam,
    model: &mut Model,
    batch: &Data,
    factor: &dyn Fn(usize) -> f64,
) -> Result<Stepped, StepError> {
    let mut points = Vec::new();
    let grads = sam.step(model, batch.clone(), start, |model, batch, grads| {
        let factor = factor(points.len());
        points.push(parameters(model));
        loss(model, batch, grads) * factor
    })?;
    let gradient = gradient(model, &grads);
    sgd(model, LR).update(model, &grads).unwrap();
    Ok(Stepped { gradient, points })
}

/// Weights after these steps, and where each of their passes ran.
pub(crate) fn train(sam: &Sam, batches: &[Data]) -> (Vec<f64>, Vec<Vec<Vec<f64>>>) {
    let mut model = start();
    let points = batches
        .iter()
        .map(|batch| step(sam, &mut model, batch).unwrap().points)
        .collect();
    (parameters(&model), points)
}

/// Weights after these steps.
pub(crate) fn trained(sam: &Sam, batches: &[Data]) -> Vec<f64> {
    train(sam, batches).0
}

#[track_caller]
pub(crate) fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    let distance = distance(found, expected);
    assert!(distance < tolerance, "{what}: {distance:e}");
}
