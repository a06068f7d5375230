//! Batches whose size only the run knows: `m` may leave a smaller last chunk, which counts by
//! its size.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{Sam, prelude::*};
use sam_tests::*;

const RHO: f64 = 0.3;
type Net = (Linear<4, 8>, BatchNorm1D<8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data = (
    Tensor<(usize, Const<4>), f64, Cpu>,
    Tensor<(usize, Const<3>), f64, Cpu>,
);

struct Seen {
    gradients: Gradients<f64, Cpu>,
    loss: f64,
    logits: Vec<f64>,
    rows: usize,
}

#[sam_train(rho = RHO, m = 3)]
fn in_threes(model: &mut Built, (x, y): Data) -> Result<Seen, StepError> {
    let mut opt = sgd(model, 0.0);
    let grads = model.alloc_grads();
    let logits = model.forward_mut(x.traced(grads));
    let shown = logits.retaped::<NoneTape>();
    let loss = cross_entropy_with_logits_loss(logits, y);
    let value = loss.array();
    let gradients = loss.backward();
    opt.update(model, &gradients)
        .map_err(|error| StepError::Device(error.to_string()))?;
    Ok(Seen {
        gradients,
        loss: value,
        logits: shown.as_vec(),
        rows: shown.shape().0,
    })
}

/// Labels as numbers: a `Vec` is cut beside the batch.
#[sam_train(rho = RHO, m = 3)]
fn with_labels(
    model: &mut Built,
    x: Tensor<(usize, Const<4>), f64, Cpu>,
    labels: Vec<usize>,
) -> Gradients<f64, Cpu> {
    let mut opt = sgd(model, 0.0);
    let grads = model.alloc_grads();
    let mut found = None;
    for (x, labels) in [(x, labels)] {
        let start = grads.clone();
        let logits = model.forward_mut(x.traced(start));
        let y = logits.device().one_hot(&labels);
        let loss = cross_entropy_with_logits_loss(logits, y);
        let sam = loss.backward();
        opt.update(model, &sam).unwrap();
        found = Some(sam);
    }
    found.unwrap()
}

trait OneHot {
    fn one_hot(&self, labels: &[usize]) -> Tensor<(usize, Const<3>), f64, Cpu>;
}

impl OneHot for Cpu {
    fn one_hot(&self, labels: &[usize]) -> Tensor<(usize, Const<3>), f64, Cpu> {
        let row = |&label: &usize| (0..3).map(move |c| if c == label { 1.0 } else { 0.0 });
        let values = labels.iter().flat_map(row).collect();
        self.tensor_from_vec(values, (labels.len(), Const))
    }
}

fn model() -> Built {
    Cpu::seed_from_u64(2).build_module::<Net, f64>()
}

fn data(dev: &Cpu, rows: usize) -> Data {
    (
        dev.tensor_from_vec(noise(rows * 4, 1), (rows, Const)),
        dev.tensor_from_vec(one_hot(rows, 3), (rows, Const)),
    )
}

/// SAM by hand over each chunk: the gradient, the loss, the logits and the buffers, weighted.
fn by_hand(model: &Built, (x, y): &Data) -> (Vec<f64>, f64, Vec<f64>, Vec<f64>) {
    let dev = model.0.weight.device();
    let rows = x.shape().0;
    let mut mean = vec![0.0; parameters(model).len()];
    let mut statistics = vec![0.0; buffers(model).len()];
    let (mut loss, mut logits) = (0.0, Vec::new());
    for (x, y) in x.as_vec().chunks(3 * 4).zip(y.as_vec().chunks(3 * 3)) {
        let share = (x.len() / 4) as f64 / rows as f64;
        let pass = |model: &mut Built| {
            let x = dev.tensor_from_vec(x.to_vec(), (x.len() / 4, Const::<4>));
            let y = dev.tensor_from_vec(y.to_vec(), (y.len() / 3, Const::<3>));
            let out = model.forward_mut(x.traced(model.alloc_grads()));
            let shown = out.as_vec();
            let loss = cross_entropy_with_logits_loss(out, y);
            let value = loss.array();
            (gradient(model, &loss.backward()), value, shown)
        };
        let mut clean = model.clone();
        let (g, value, shown) = pass(&mut clean);
        loss += share * value;
        logits.extend(shown);
        for (sum, b) in statistics.iter_mut().zip(buffers(&clean)) {
            *sum += share * b;
        }
        let e = perturbation(&g, 2.0, RHO);
        let moved: Vec<f64> = parameters(model)
            .iter()
            .zip(e)
            .map(|(w, e)| w + e)
            .collect();
        let mut perturbed = model.clone();
        set_parameters(&mut perturbed, &moved);
        for (sum, g) in mean.iter_mut().zip(pass(&mut perturbed).0) {
            *sum += share * g;
        }
    }
    (mean, loss, logits, statistics)
}

#[test]
fn a_smaller_last_chunk_counts_by_its_size() {
    for rows in [2, 3, 5, 8, 9, 11] {
        let mut model = model();
        let batch = data(model.0.weight.device(), rows);
        let (expected, loss, logits, statistics) = by_hand(&model, &batch);
        let seen = in_threes(&mut model, batch).unwrap();
        // Sums in f64 in another order.
        assert!(distance(&gradient(&model, &seen.gradients), &expected) < 1e-12);
        assert!((seen.loss - loss).abs() < 1e-13);
        assert!(distance(&seen.logits, &logits) < 1e-13);
        assert_eq!(seen.rows, rows);
        assert!(distance(&buffers(&model), &statistics) < 1e-13);
        assert_eq!(last_report().unwrap().chunks, rows.div_ceil(3));
    }
}

#[test]
fn the_closure_cuts_the_same_chunks() {
    let mut model = model();
    let batch = data(model.0.weight.device(), 8);
    let start = model.alloc_grads();
    let found = Sam::new(RHO)
        .chunked::<3>()
        .step(
            &mut model.clone(),
            batch.clone(),
            start,
            |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            },
        )
        .unwrap();
    let found = gradient(&model, &found);
    let by_attribute = in_threes(&mut model, batch).unwrap();
    assert_eq!(bits(found), bits(gradient(&model, &by_attribute.gradients)));
}

#[test]
fn labels_in_a_vec_are_cut_beside_the_batch() {
    let mut model = model();
    let dev = model.0.weight.device().clone();
    let (x, _) = data(&dev, 8);
    let labels: Vec<usize> = (0..8).map(|i| (i * 5 + i / 2) % 3).collect();
    let y = dev.one_hot(&labels);
    let (expected, ..) = by_hand(&model, &(x.clone(), y));
    let found = with_labels(&mut model, x, labels);
    assert!(distance(&gradient(&model, &found), &expected) < 1e-12);
}

#[test]
fn a_batch_without_samples_is_an_error() {
    let mut model = model();
    let before = state(&model);
    let batch = data(model.0.weight.device(), 0);
    assert!(matches!(
        in_threes(&mut model, batch),
        Err(StepError::Empty)
    ));
    assert_eq!(state(&model), before);
}

#[test]
fn labels_of_another_number_than_the_batch_are_an_error() {
    let mut model = model();
    let before = state(&model);
    let dev = model.0.weight.device().clone();
    let (x, y) = (data(&dev, 8).0, data(&dev, 7).1);
    let expected = StepError::Rows {
        expected: 8,
        found: 7,
    };
    assert_eq!(in_threes(&mut model, (x, y)).err(), Some(expected));
    assert_eq!(state(&model), before);
}
