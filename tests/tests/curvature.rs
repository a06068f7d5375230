//! The measures of `analysis` that go by the loss over a data set: against PyTorch's Hessian, against a dense one by
//! finite differences, and against direct evaluation.

use std::path::Path;

use dfdx::{prelude::*, tensor::Gradients};
use sam_runtime::{
    Norm, Sam, StepError,
    analysis::{Estimate, Objective, PacBayes, Search},
    prelude::*,
    step::methods::LpSam,
};
use sam_tests::*;
use serde_json::Value;

type Net = (Linear<4, 5>, Tanh, Linear<5, 3>);
type Model = Built<Net, Cpu, f64>;
type Data = (
    Tensor<(usize, Const<4>), f64, Cpu>,
    Tensor<(usize, Const<3>), f64, Cpu>,
);
type Loss = Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>>;

fn loss(model: &mut Model, (x, y): Data, grads: Gradients<f64, Cpu>) -> Loss {
    cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
}

/// What PyTorch has computed.
struct Expected(Value);

impl Expected {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hessian.json");
        Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn numbers(&self, key: &str) -> Vec<f64> {
        fn flat(value: &Value) -> Vec<f64> {
            match value {
                Value::Array(parts) => parts.iter().flat_map(flat).collect(),
                number => vec![number.as_f64().unwrap()],
            }
        }
        flat(&self.0[key])
    }

    fn model(&self) -> Model {
        let mut model = Cpu::default().build_module::<Net, f64>();
        set_parameters(&mut model, &self.numbers("w"));
        model
    }

    /// Twelve samples in batches of this size, of which the last may be smaller.
    fn batches(&self, rows: usize) -> Vec<Data> {
        let dev = Cpu::default();
        let (x, y) = (self.numbers("x"), self.numbers("y"));
        let batches = x.chunks(4 * rows).zip(y.chunks(3 * rows));
        let batch = |(x, y): (&[f64], &[f64])| {
            (
                dev.tensor_from_vec(x.to_vec(), (x.len() / 4, Const)),
                dev.tensor_from_vec(y.to_vec(), (y.len() / 3, Const)),
            )
        };
        batches.map(batch).collect()
    }
}

/// A vector of these numbers, by the model's parameters.
fn vector(model: &Model, values: &[f64]) -> Gradients<f64, Cpu> {
    // The gradient of <w, values> with respect to w.
    // Parameters of its own.
    let mut like = Expected::read().model();
    set_parameters(&mut like, values);
    let mut sum = model.alloc_grads();
    macro_rules! add {
        ($($part:expr, $like:expr;)*) => {$(
            let product = ($part.trace(sum) * $like.clone()).sum::<Rank0, _>();
            sum = product.backward();
        )*};
    }
    add! {
        model.0.weight, like.0.weight;
        model.0.bias, like.0.bias;
        model.2.weight, like.2.weight;
        model.2.bias, like.2.bias;
    }
    sum
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let bound = tolerance * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found}, not {expected}"
    );
}

#[test]
fn loss_and_products_are_pytorchs_however_the_data_is_cut() {
    let expected = Expected::read();
    let (model, v) = (expected.model(), expected.numbers("v"));
    // With a smaller last batch, too.
    for rows in [12, 4, 5] {
        let batches = expected.batches(rows);
        let mut objective = Objective::new(&model, || batches.clone(), loss).unwrap();
        assert_near(
            objective.loss().unwrap(),
            expected.numbers("loss")[0],
            1e-14,
            "loss",
        );
        let product = objective
            .hessian_vector_product(&vector(&model, &v))
            .unwrap();
        let product = gradient(&model, &product);
        for (found, expected) in product.iter().zip(expected.numbers("product")) {
            assert_near(*found, expected, 1e-8, "H v");
        }
        let zeros = objective
            .hessian_vector_product(&model.alloc_grads())
            .unwrap();
        assert!(gradient(&model, &zeros).iter().all(|x| *x == 0.0));
    }
}

#[test]
fn eigenvalues_are_pytorchs() {
    let expected = Expected::read();
    let (model, batches) = (expected.model(), expected.batches(5));
    let eigenvalues = expected.numbers("eigenvalues");
    let mut objective = Objective::new(&model, || batches.clone(), loss).unwrap();
    for seed in 0..5 {
        let search = Search {
            tolerance: 1e-6,
            seed,
            ..Search::default()
        };
        let found = objective.eigenvalues(5, search).unwrap();
        assert!(
            found.converged && found.steps < eigenvalues.len(),
            "{found:?}"
        );
        for (value, expected) in found.values.iter().zip(&eigenvalues) {
            assert_near(*value, *expected, 1e-6, "lambda");
        }
        let ratio = eigenvalues[0] / eigenvalues[4];
        assert_near(found.bulk_ratio().unwrap(), ratio, 1e-3, "l1/l5");
    }
    // All that there are, the vanishing ones among them.
    let all = Search {
        steps: 1000,
        tolerance: 0.0,
        ..Search::default()
    };
    let found = objective.eigenvalues(eigenvalues.len(), all).unwrap();
    assert_eq!(found.values.len(), eigenvalues.len());
    for (value, expected) in found.values.iter().zip(&eigenvalues) {
        assert_near(*value, *expected, 1e-7, "lambda");
    }
    // A search that ends too early says so, and how far it may be off.
    let short = objective
        .eigenvalues(
            1,
            Search {
                steps: 2,
                ..Search::default()
            },
        )
        .unwrap();
    assert!(!short.converged);
    let off = |lambda: &f64| (lambda - short.values[0]).abs() <= short.residuals[0];
    assert!(eigenvalues.iter().any(off), "{short:?}");
}

/// By finite differences of gradients, element by element.
#[test]
fn the_dense_hessian_of_f64_has_the_same_eigenvalues() {
    let expected = Expected::read();
    let (model, batches) = (expected.model(), expected.batches(12));
    let w = expected.numbers("w");
    let gradient_at = |w: &[f64]| {
        let mut model = model.clone();
        set_parameters(&mut model, w);
        let start = model.alloc_grads();
        let grads = loss(&mut model, batches[0].clone(), start).backward();
        gradient(&model, &grads)
    };
    let h = 1e-5;
    let columns: Vec<Vec<f64>> = (0..w.len())
        .map(|i| {
            let at = |h: f64| {
                let mut w = w.clone();
                w[i] += h;
                gradient_at(&w)
            };
            let ends = at(h).into_iter().zip(at(-h));
            ends.map(|(up, down)| (up - down) / (2.0 * h)).collect()
        })
        .collect();
    let trace: f64 = (0..w.len()).map(|i| columns[i][i]).sum();
    assert_near(trace, expected.numbers("trace")[0], 1e-8, "trace");
    // The sum of the squares of all entries is that of the eigenvalues.
    let squares: f64 = columns.iter().flatten().map(|x| x * x).sum();
    let of_values: f64 = expected.numbers("eigenvalues").iter().map(|x| x * x).sum();
    assert_near(squares, of_values, 1e-8, "squares");
    // Power iteration on it, which knows nothing of Lanczos.
    let mut v = vec![1.0; w.len()];
    let mut value = 0.0;
    for _ in 0..3000 {
        let next: Vec<f64> = (0..w.len())
            .map(|row| {
                columns
                    .iter()
                    .zip(&v)
                    .map(|(column, v)| column[row] * v)
                    .sum()
            })
            .collect();
        value = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        v = next.into_iter().map(|x| x / value).collect();
    }
    let mut objective = Objective::new(&model, || batches.clone(), loss).unwrap();
    let search = Search {
        tolerance: 1e-8,
        ..Search::default()
    };
    let found = objective.eigenvalues(1, search).unwrap();
    assert_near(found.values[0], value, 1e-6, "lambda_max");
}

#[test]
fn the_moments_of_the_density_are_those_of_the_spectrum() {
    let expected = Expected::read();
    let (model, batches) = (expected.model(), expected.batches(12));
    let eigenvalues = expected.numbers("eigenvalues");
    let mut objective = Objective::new(&model, || batches.clone(), loss).unwrap();
    let density = objective.spectral_density(400, 10, 7).unwrap();
    let n = eigenvalues.len() as f64;
    let trace = density.trace();
    assert_eq!(density.parameters, eigenvalues.len());
    let is_near = |found: Estimate, expected: f64| {
        (found.mean - expected).abs() < 4.0 * found.standard_error
            && found.standard_error < 0.1 * expected
    };
    assert!(is_near(trace, expected.numbers("trace")[0]), "{trace:?}");
    assert_near(density.moment(1) * n, trace.mean, 1e-12, "the first moment");
    let squares: f64 = eigenvalues.iter().map(|x| x * x).sum();
    assert_near(density.moment(2) * n, squares, 0.1, "the second moment");
    let (low, high) = density.range().unwrap();
    assert!(high <= eigenvalues[0] + 1e-6 && low >= eigenvalues[eigenvalues.len() - 1] - 1e-6);
    // Its integral is 1.
    let (sigma, step) = (0.02, 0.001);
    let integral: f64 = (-2000..4000)
        .map(|i| density.at(f64::from(i) * step, sigma) * step)
        .sum();
    assert_near(integral, 1.0, 1e-6, "the integral");
    let hutchinson = objective.trace(400, 3).unwrap();
    assert!(
        is_near(hutchinson, expected.numbers("trace")[0]),
        "{hutchinson:?}"
    );
    assert_eq!(hutchinson.count, 400);
}

#[test]
fn landscapes_are_what_direct_evaluation_gives() {
    let expected = Expected::read();
    let (model, batches) = (expected.model(), expected.batches(5));
    let other = {
        let mut other = model.clone();
        set_parameters(&mut other, &noise(43, 4));
        other
    };
    let whole = expected.batches(12).remove(0);
    let loss_of = |w: &[f64]| {
        let mut model = model.clone();
        set_parameters(&mut model, w);
        let start = model.alloc_grads();
        loss(&mut model, whole.clone(), start).array()
    };
    let mut passes = Vec::new();
    let mut objective = Objective::new(&model, || batches.clone(), loss)
        .unwrap()
        .progress(|done, all| passes.push((done, all)));
    let (w, there) = (parameters(&model), parameters(&other));
    let line = objective
        .line_to(&other, vec![-0.5, 0.0, 0.3, 1.0, 1.5])
        .unwrap();
    for (t, found) in line.at.iter().zip(&line.losses) {
        let at: Vec<f64> = w
            .iter()
            .zip(&there)
            .map(|(a, b)| (1.0 - t) * a + t * b)
            .collect();
        assert_near(*found, loss_of(&at), 1e-12, "on the line");
    }
    let at = vec![-1.0, -0.25, 0.0, 0.5];
    let plane = objective.plane(at.clone(), 3).unwrap();
    assert_near(plane.losses[2][2], loss_of(&w), 1e-12, "in the middle");
    assert_eq!(plane, objective.plane(at.clone(), 3).unwrap());
    assert_ne!(plane, objective.plane(at, 4).unwrap());
    drop(objective);
    assert_eq!(&passes[..5], [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
    assert_eq!(passes[5 + 15], (16, 16));
}

/// The direction that a plane takes, read off two losses that are linear in the weights.
#[test]
fn the_filters_of_a_direction_are_as_long_as_those_of_the_weights() {
    let dev = Cpu::default();
    let model = dev.build_module::<Linear<6, 4>, f64>();
    let weights = model.weight.as_vec();
    for filter in 0..4 {
        // The loss is the square of the filter's distance from where it is.
        let rows = 6 * filter..6 * filter + 6;
        let mask: Vec<f64> = (0..24)
            .map(|i| if rows.contains(&i) { 1.0 } else { 0.0 })
            .collect();
        let mask: Tensor<Rank2<4, 6>, f64, _> = tensor(&dev, &mask);
        let from = model.weight.clone();
        let mut objective = Objective::new(
            &model,
            || [vec![0_u8]],
            |model: &mut Built<Linear<6, 4>, Cpu, f64>, _: Vec<u8>, grads| {
                let way = (model.weight.trace(grads) - from.clone()) * mask.clone();
                let bias = (model.bias.clone() - model.bias.clone()).sum::<Rank0, _>();
                way.square().sum::<Rank0, _>() + bias
            },
        )
        .unwrap();
        let expected: f64 = weights[rows.clone()].iter().map(|w| w * w).sum();
        let plane = objective.plane(vec![0.0, 1.0], 5).unwrap();
        for found in [plane.losses[0][1], plane.losses[1][0]] {
            assert_near(found, expected, 1e-12, "the square of a filter's length");
        }
    }
}

/// Where the loss goes by running statistics, they can be made those of each point.
#[test]
fn a_model_is_refreshed_at_each_point() {
    type Normed = (Linear<4, 5>, BatchNorm1D<5>, Linear<5, 3>);
    type Model = Built<Normed, Cpu, f64>;
    let dev = Cpu::default();
    let mut model = dev.build_module::<Normed, f64>();
    let len = parameters(&model).len();
    set_parameters(&mut model, &noise(len, 1));
    let (x, y): Classes<12, 4, 3, f64> = classes(&dev, 2);
    let by_running = |model: &mut Model,
                      (x, y): (
        Tensor<Rank2<12, 4>, f64, Cpu>,
        Tensor<Rank2<12, 3>, f64, Cpu>,
    ),
                      grads| {
        // Running statistics take no part in gradients: the loss alone is asked for.
        let logits = model.forward(x);
        cross_entropy_with_logits_loss(logits.traced(grads), y)
    };
    let refresh = |model: &mut Model| {
        for _ in 0..3 {
            let start = Gradients::leaky();
            drop(model.forward_mut(x.trace(start)));
        }
    };
    let mut seen = Vec::new();
    let mut objective = Objective::new(&model, || [(x.clone(), y.clone())], by_running)
        .unwrap()
        .refresh(|model| {
            refresh(model);
            seen.push(buffers(model));
        });
    let found = objective.plane(vec![0.0, 1.0], 1).unwrap();
    drop(objective);
    // Another point, other statistics; and the loss is that of a model that was refreshed by hand.
    assert!(seen[0] != seen[1]);
    let mut by_hand = model.clone();
    refresh(&mut by_hand);
    let start = by_hand.alloc_grads();
    let expected = by_running(&mut by_hand, (x.clone(), y.clone()), start).array();
    assert_near(found.losses[0][0], expected, 1e-14, "the loss");
    assert!(buffers(&model).iter().all(|x| *x == 0.0 || *x == 1.0));
}

#[test]
fn sharpness_is_what_sam_finds() {
    let expected = Expected::read();
    let (model, whole) = (expected.model(), expected.batches(12));
    let mut objective = Objective::new(&model, || whole.clone(), loss).unwrap();
    for norm in [Norm::L2, Norm::LINF, Norm::new(3.0).unwrap()] {
        for steps in [1, 3] {
            let sam = Sam::new(0.2).norm(norm).method(LpSam {
                steps,
                ..LpSam::ONE_STEP
            });
            let by_sam = objective.m_sharpness(&sam).unwrap();
            let found = objective.sharpness(0.2, norm, steps).unwrap();
            assert_near(found.loss, by_sam.loss, 1e-14, "the loss");
            assert_near(
                found.perturbed_loss,
                by_sam.perturbed_loss,
                1e-12,
                "at w + e",
            );
            assert!(found.value() > 0.0);
        }
    }
    assert_eq!(
        objective.sharpness(-1.0, Norm::L2, 1),
        Err(StepError::Rho(-1.0))
    );
    assert!(matches!(
        objective.sharpness(0.1, Norm::L2, 0),
        Err(StepError::Method(_))
    ));
    let mut none = Objective::new(&model, Vec::<Data>::new, loss).unwrap();
    assert_eq!(none.loss(), Err(StepError::Empty));
}

fn of_one(model: &Model, batch: Data) -> f64 {
    let mut one = Objective::new(model, || [batch.clone()], loss).unwrap();
    one.sharpness(0.2, Norm::L2, 1).unwrap().value()
}

/// Smaller m: each part finds a point that is worse for itself. The error is that of the mean over the parts.
#[test]
fn m_sharpness_is_a_mean_over_the_batches() {
    let expected = Expected::read();
    let model = expected.model();
    let sam = Sam::new(0.2);
    let of = |rows: usize| {
        let batches = expected.batches(rows);
        Objective::new(&model, || batches.clone(), loss)
            .unwrap()
            .m_sharpness(&sam)
            .unwrap()
    };
    assert!(of(12).standard_error.is_nan());
    let sharp = of(3);
    assert!(sharp.value() > of(12).value());
    let parts: Vec<f64> = expected
        .batches(3)
        .into_iter()
        .map(|batch| of_one(&model, batch))
        .collect();
    let by_hand = Estimate::of(parts);
    assert_near(sharp.value(), by_hand.mean, 1e-12, "the mean");
    assert_near(
        sharp.standard_error,
        by_hand.standard_error,
        1e-12,
        "its error",
    );
    // Of unequal batches, the larger one counts for more.
    let uneven = of(8);
    let parts: Vec<f64> = expected
        .batches(8)
        .into_iter()
        .map(|batch| of_one(&model, batch))
        .collect();
    assert_near(
        uneven.value(),
        (2.0 * parts[0] + parts[1]) / 3.0,
        1e-12,
        "the weighted mean",
    );
}

/// n = 100, k = 10, ||w|| = 2, delta = 0.1, rho = 0.5, written out.
#[test]
fn the_bound_is_the_papers() {
    let bound = PacBayes {
        samples: 100,
        parameters: 10,
        norm: 2.0,
        delta: 0.1,
    };
    let widening = 1.0 + (4.605_170_185_988_092_f64 / 10.0).sqrt();
    let by_hand = (10.0 * (1.0 + 16.0 * widening * widening).ln()
        + 4.0 * 6.907_755_278_982_137
        + 8.0 * 630.0_f64.ln())
        / 99.0;
    assert_near(bound.complexity(0.5), by_hand.sqrt(), 1e-12, "theorem 2");
    assert_near(
        bound.sigma(0.5),
        0.5 / (10.0_f64.sqrt() + 4.605_170_185_988_092_f64.sqrt()),
        1e-12,
        "sigma",
    );
    let sigma = 0.1;
    let by_hand = (2.5 * (1.0 + 4.0 / (10.0 * 0.01_f64)).ln()
        + 0.25
        + 6.907_755_278_982_137
        + 2.0 * 630.0_f64.ln())
        / 99.0;
    assert_near(
        bound.complexity_under_noise(sigma),
        by_hand.sqrt(),
        1e-12,
        "under noise",
    );
    let expected = Expected::read();
    let (model, batches) = (expected.model(), expected.batches(12));
    let mut objective = Objective::new(&model, || batches.clone(), loss).unwrap();
    let bound = objective.pac_bayes(12, 0.05).unwrap();
    let norm: f64 = expected.numbers("w").iter().map(|w| w * w).sum();
    assert_eq!(bound.parameters, 43);
    assert_near(bound.norm, norm.sqrt(), 1e-14, "||w||");
    // For small noise, the mean loss is the loss and half of sigma^2 times the trace.
    let sigma = 0.02;
    let noisy = objective.loss_under_noise(sigma, 4000, 1).unwrap();
    let loss = expected.numbers("loss")[0] + 0.5 * sigma * sigma * expected.numbers("trace")[0];
    assert!(
        (noisy.mean - loss).abs() < 4.0 * noisy.standard_error,
        "{noisy:?} {loss}"
    );
    assert_eq!(
        objective
            .loss_under_noise(0.0, 2, 1)
            .unwrap()
            .standard_error,
        0.0
    );
}

/// Measures leave the generator of a model with dropout where it was.
#[test]
fn nothing_is_drawn() {
    let dev = Cpu::seed_from_u64(1);
    let model = dev.build_module::<(DropoutOneIn<2>, Linear<6, 1>), f64>();
    let x: Tensor<Rank2<4, 6>, f64, _> = dev.ones();
    let before = sam_runtime::device::rng_state(&dev);
    let mut objective = Objective::new(
        &model,
        || [x.clone()],
        |model: &mut Built<(DropoutOneIn<2>, Linear<6, 1>), Cpu, f64>,
         x: Tensor<Rank2<4, 6>, f64, Cpu>,
         grads| { model.forward_mut(x.traced(grads)).square().mean() },
    )
    .unwrap();
    let first = objective.loss().unwrap();
    objective.eigenvalues(2, Search::default()).unwrap();
    objective.m_sharpness(&Sam::new(0.1)).unwrap();
    assert_eq!(objective.loss().unwrap(), first);
    assert_eq!(sam_runtime::device::rng_state(&dev), before);
}

/// `1.5 w_0^2 + 2 max(w_1, 0)`, where `w_1` is so close to 0 that the gradient jumps within the distance that a product takes.
#[test]
fn a_jump_of_the_gradient_is_no_curvature() {
    let dev = Cpu::default();
    let w: Tensor<Rank1<2>, f64, _> = dev.tensor([1.0, 1e-8]);
    let [smooth, jump]: [Tensor<Rank1<2>, f64, _>; 2] =
        [dev.tensor([1.5, 0.0]), dev.tensor([0.0, 2.0])];
    let loss = |w: &mut Tensor<Rank1<2>, f64, Cpu>, _: Vec<u8>, grads| {
        let w = w.trace(grads);
        let beside = w.with_empty_tape();
        let jump = (beside.relu() * jump.clone()).sum::<Rank0, _>();
        (w.square() * smooth.clone()).sum::<Rank0, _>() + jump
    };
    let mut objective = Objective::new(&w, || [vec![0_u8]], loss).unwrap();
    let found = objective.eigenvalues(2, Search::default()).unwrap();
    assert_near(found.values[0], 3.0, 1e-6, "along w_0");
    assert_near(found.values[1], 0.0, 1e-6, "along w_1");
    // On a scale at which it matters, it is seen: 2 over twice the distance.
    let along: Tensor<Rank1<2>, f64, _> = dev.tensor([0.0, 1.0]);
    let v = (w.trace(w.alloc_grads()) * along)
        .sum::<Rank0, _>()
        .backward();
    let product = objective.distance(0.1).hessian_vector_product(&v).unwrap();
    assert_near(
        product.get(&w).array()[1],
        2.0 / 0.2,
        1e-12,
        "on the scale of 0.1",
    );
}
