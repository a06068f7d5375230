//! A step that fails changes nothing: not a weight, not a buffer, nothing in the optimizer.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use dfdx::{
    optim::*,
    prelude::*,
    tensor::{CpuError, Gradients},
};
use sam_runtime::{NonFinite, Sam, prelude::*};
use sam_tests::*;

const B: usize = 6;
type Net = (Linear<4, 8>, BatchNorm1D<8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Opt = Sgd<Built, f64, Cpu>;
type Data = Classes<B, 4, 3, f64>;

#[derive(Debug)]
enum TrainError {
    Step(StepError),
    Update,
    Gate,
}

impl From<StepError> for TrainError {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl From<OptimizerUpdateError<CpuError>> for TrainError {
    fn from(_: OptimizerUpdateError<CpuError>) -> Self {
        Self::Update
    }
}

fn start() -> (Built, Opt, Data) {
    let dev = Cpu::seed_from_u64(2);
    let model = dev.build_module::<Net, f64>();
    let config = SgdConfig {
        lr: 0.1,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: None,
    };
    let opt = Sgd::new(&model, config);
    (model, opt, classes(&dev, 1))
}

/// A batch with one NaN, in this row.
fn with_nan((x, y): Data, row: usize) -> Data {
    let mut values = x.as_vec();
    values[row * 4] = f64::NAN;
    (tensor(x.device(), &values), y)
}

/// Lets everything through but the call with this number.
struct Gate<'a> {
    calls: &'a Cell<usize>,
    closed_at: usize,
    panics: bool,
}

impl Gate<'_> {
    fn pass<T>(&self, value: T) -> Result<T, TrainError> {
        let call = self.calls.replace(self.calls.get() + 1);
        if call != self.closed_at {
            return Ok(value);
        }
        assert!(!self.panics, "the gate is closed");
        Err(TrainError::Gate)
    }
}

macro_rules! one_step {
    ($name:ident($rho:ident), $($keys:tt)*) => {
        #[sam_train(rho = $rho, $($keys)*)]
        fn $name(
            model: &mut Built,
            opt: &mut Opt,
            (x, y): Data,
            start: Gradients<f64, Cpu>,
            gate: &Gate,
            $rho: f64,
        ) -> Result<Gradients<f64, Cpu>, TrainError> {
            let logits = gate.pass(model.forward_mut(x.traced(start)))?;
            let loss = mse_loss(logits, y);
            let grads = loss.backward();
            opt.update(model, &grads)?;
            Ok(grads)
        }
    };
}

one_step!(whole(rho),);
one_step!(in_pairs(rho), m = 2, split = [x, y]);
one_step!(skipping(rho), nonfinite = "skip");
one_step!(
    skipping_in_pairs(rho),
    m = 2,
    split = [x, y],
    nonfinite = "skip"
);

type OneStep = fn(
    &mut Built,
    &mut Opt,
    Data,
    Gradients<f64, Cpu>,
    &Gate,
    f64,
) -> Result<Gradients<f64, Cpu>, TrainError>;

/// A step with a gate that is closed at this call of the forward pass.
fn step(
    step: OneStep,
    (model, opt): (&mut Built, &mut Opt),
    data: Data,
    rho: f64,
    closed_at: Option<usize>,
) -> Result<Gradients<f64, Cpu>, TrainError> {
    let gate = Gate {
        calls: &Cell::new(0),
        closed_at: closed_at.unwrap_or(usize::MAX),
        panics: false,
    };
    let grads = model.alloc_grads();
    step(model, opt, data, grads, &gate, rho)
}

/// After some good steps, `fails` fails and leaves the model and the optimizer as they were:
/// further steps go as they go for a twin that never saw the failure.
#[track_caller]
fn changes_nothing(good: OneStep, fails: impl FnOnce(&mut Built, &mut Opt, Data)) {
    changes_nothing_of(state, good, fails);
}

/// The same of the weights alone: a pass that is left leaves the buffers as the plain loop does.
#[track_caller]
fn changes_no_weight(good: OneStep, fails: impl FnOnce(&mut Built, &mut Opt, Data)) {
    changes_nothing_of(weights, good, fails);
}

fn weights(model: &Built) -> Vec<u64> {
    bits(parameters(model))
}

#[track_caller]
fn changes_nothing_of(
    state: fn(&Built) -> Vec<u64>,
    good: OneStep,
    fails: impl FnOnce(&mut Built, &mut Opt, Data),
) {
    type Fails<'a> = Box<dyn FnOnce(&mut Built, &mut Opt, Data) + 'a>;
    let run = |fails: Option<Fails>| {
        let (mut model, mut opt, data) = start();
        let go = |model: &mut Built, opt: &mut Opt| {
            step(good, (model, opt), data.clone(), 0.3, None).unwrap();
        };
        go(&mut model, &mut opt);
        go(&mut model, &mut opt);
        if let Some(fails) = fails {
            let before = state(&model);
            fails(&mut model, &mut opt, data.clone());
            assert_eq!(state(&model), before);
        }
        go(&mut model, &mut opt);
        go(&mut model, &mut opt);
        state(&model)
    };
    assert_eq!(run(Some(Box::new(fails))), run(None));
}

fn is_nonfinite(error: &TrainError, in_pass: &str) -> bool {
    matches!(error, TrainError::Step(error @ StepError::NonFinite { .. })
        if error.to_string().contains(&format!("the {in_pass} gradient")))
}

/// A rho so large that the squares of the loss overflow at `w + e`.
const HUGE: f64 = 1e300;

#[test]
fn nan_in_the_data_is_returned_as_an_error_and_changes_nothing() {
    for row in 0..B {
        for (run, rho) in [
            (whole as OneStep, 0.3),
            (in_pairs, 0.3),
            (whole, 0.0),
            (in_pairs, 0.0),
        ] {
            changes_nothing(run, |model, opt, data| {
                let error = step(run, (model, opt), with_nan(data, row), rho, None).unwrap_err();
                assert!(is_nonfinite(&error, "clean"), "{error:?}");
            });
        }
    }
}

#[test]
fn an_overflow_at_the_perturbed_weights_is_an_error_and_changes_nothing() {
    for run in [whole, in_pairs] {
        changes_nothing(run, |model, opt, data| {
            let error = step(run, (model, opt), data, HUGE, None).unwrap_err();
            assert!(is_nonfinite(&error, "perturbed"), "{error:?}");
        });
    }
}

#[test]
fn an_invalid_rho_is_an_error_and_changes_nothing() {
    for run in [whole, in_pairs, skipping, skipping_in_pairs] {
        for rho in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            changes_nothing(run, |model, opt, data| {
                match step(run, (model, opt), data, rho, None).unwrap_err() {
                    TrainError::Step(StepError::Rho(found)) => {
                        assert_eq!(found.to_bits(), rho.to_bits());
                    }
                    error => panic!("{error:?}"),
                }
            });
        }
    }
}

#[test]
fn leaving_a_pass_by_the_question_mark_changes_no_weight() {
    for (run, passes) in [(whole as OneStep, 2), (in_pairs, 6), (skipping_in_pairs, 6)] {
        for closed_at in 0..passes {
            changes_no_weight(run, |model, opt, data| {
                let result = step(run, (model, opt), data, 0.3, Some(closed_at));
                assert!(matches!(result, Err(TrainError::Gate)));
            });
        }
    }
}

#[test]
fn a_panic_in_a_pass_changes_no_weight() {
    for (run, passes) in [(whole as OneStep, 2), (in_pairs, 6)] {
        for closed_at in 0..passes {
            changes_no_weight(run, |model, opt, data| {
                let gate = Gate {
                    calls: &Cell::new(0),
                    closed_at,
                    panics: true,
                };
                let grads = model.alloc_grads();
                let step = || run(model, opt, data, grads, &gate, 0.3);
                let panic = catch_unwind(AssertUnwindSafe(step)).unwrap_err();
                assert_eq!(panic.downcast_ref(), Some(&"the gate is closed"));
            });
        }
    }
}

#[test]
fn a_pass_that_is_let_through_runs_twice_for_each_chunk() {
    for (run, passes) in [(whole as OneStep, 2), (in_pairs, 6)] {
        let (mut model, mut opt, data) = start();
        let gate = Gate {
            calls: &Cell::new(0),
            closed_at: usize::MAX,
            panics: false,
        };
        let grads = model.alloc_grads();
        run(&mut model, &mut opt, data, grads, &gate, 0.3).unwrap();
        assert_eq!(gate.calls.get(), passes);
    }
}

/// The loop goes on with the next batch where a pass fails.
#[sam_train(rho = 0.3)]
fn with_continue(model: &mut Built, opt: &mut Opt, data: Vec<Data>, gate: &Gate) -> usize {
    let mut grads: Option<Gradients<f64, Cpu>> = None;
    let mut done = 0;
    for (x, y) in data {
        let start = grads.take().unwrap_or_else(|| model.alloc_grads());
        let logits = match gate.pass(model.forward_mut(x.traced(start))) {
            Ok(logits) => logits,
            Err(_) => continue,
        };
        let loss = mse_loss(logits, y);
        let mut found = loss.backward();
        opt.update(model, &found).unwrap();
        model.zero_grads(&mut found);
        grads = Some(found);
        done += 1;
    }
    done
}

#[test]
fn leaving_a_pass_by_continue_is_to_the_weights_as_if_the_batch_had_not_been_there() {
    let run = |batches: &[u64], closed_at| {
        let (mut model, mut opt, (x, _)) = start();
        let data = batches.iter().map(|&s| classes(x.device(), s)).collect();
        let gate = Gate {
            calls: &Cell::new(0),
            closed_at,
            panics: false,
        };
        let done = with_continue(&mut model, &mut opt, data, &gate);
        (weights(&model), done)
    };
    let expected = run(&[1, 3], usize::MAX);
    assert_eq!(expected.1, 2);
    // The second batch, in its clean pass, then in its perturbed one.
    assert_eq!(run(&[1, 2, 3], 2), expected);
    assert_eq!(run(&[1, 2, 3], 3), expected);
}

/// What makes a step fail: what is done to its batch, and its rho.
type Case = (fn(Data) -> Data, f64);

/// The function can't return the error.
#[sam_train(rho = rho)]
fn without_result(model: &mut Built, opt: &mut Opt, (x, y): Data, rho: f64) {
    let grads = model.alloc_grads();
    let logits = model.forward_mut(x.traced(grads));
    let loss = mse_loss(logits, y);
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
}

/// The function's error does not take a [`StepError`].
#[sam_train(rho = rho)]
fn with_another_error(
    model: &mut Built,
    opt: &mut Opt,
    (x, y): Data,
    rho: f64,
) -> Result<(), OptimizerUpdateError<CpuError>> {
    let grads = model.alloc_grads();
    let logits = model.forward_mut(x.traced(grads));
    let loss = mse_loss(logits, y);
    let grads = loss.backward();
    opt.update(model, &grads)
}

#[test]
fn a_function_that_can_not_return_the_error_panics_with_its_text_and_changes_nothing() {
    let cases: [Case; 3] = [
        (|data| with_nan(data, 0), 0.3),
        (|data| data, HUGE),
        (|data| data, -0.5),
    ];
    for (make, rho) in cases {
        let (mut model, mut opt, data) = start();
        let error = step(whole, (&mut model, &mut opt), make(data), rho, None).unwrap_err();
        let TrainError::Step(error) = error else {
            panic!("{error:?}");
        };
        let expected = error.to_string();
        let text = |panic: Box<dyn std::any::Any + Send>| *panic.downcast::<String>().unwrap();
        changes_nothing(whole, |model, opt, data| {
            let step = || without_result(model, opt, make(data), rho);
            let panic = catch_unwind(AssertUnwindSafe(step)).unwrap_err();
            assert_eq!(text(panic), expected);
        });
        changes_nothing(whole, |model, opt, data| {
            let step = || with_another_error(model, opt, make(data), rho);
            let panic = catch_unwind(AssertUnwindSafe(step)).unwrap_err();
            assert_eq!(text(panic), expected);
        });
    }
}

/// Like a step of the attribute, but the gradient comes back with nothing done to it.
fn closure_step(
    model: &mut Built,
    data: Data,
    start: Gradients<f64, Cpu>,
    sam: Sam,
) -> Result<Gradients<f64, Cpu>, StepError> {
    sam.chunked::<2>()
        .step(model, data, start, |model, (x, y), grads| {
            mse_loss(model.forward_mut(x.traced(grads)), y)
        })
}

#[test]
fn a_batch_left_out_gives_the_starting_gradients_back_unchanged() {
    let cases: [Case; 6] = [
        (|data| with_nan(data, 0), 0.0),
        (|data| with_nan(data, 5), 0.0),
        (|data| with_nan(data, 0), 0.3),
        (|data| with_nan(data, 3), 0.3),
        (|data| with_nan(data, 5), 0.3),
        (|data| data, HUGE),
    ];
    for (make, rho) in cases {
        for run in [Some(skipping as OneStep), Some(skipping_in_pairs), None] {
            let (mut model, _, data) = start();
            let mut still = sgd(&model, 0.0);
            let start = step(whole, (&mut model, &mut still), data.clone(), 0.3, None).unwrap();
            let expected = gradient(&model, &start);
            assert!(expected.iter().any(|g| *g != 0.0));
            let before = state(&model);
            let gate = Gate {
                calls: &Cell::new(0),
                closed_at: usize::MAX,
                panics: false,
            };
            let bad = make(data);
            let found = match run {
                Some(run) => run(&mut model, &mut still, bad, start, &gate, rho).unwrap(),
                None => {
                    let sam = Sam::new(rho).nonfinite(NonFinite::Skip);
                    closure_step(&mut model, bad, start, sam).unwrap()
                }
            };
            assert_eq!(bits(gradient(&model, &found)), bits(expected));
            assert_eq!(state(&model), before);
            assert!(last_report().unwrap().skipped());
        }
    }
}

#[test]
fn a_batch_left_out_does_not_disturb_the_next_one() {
    for run in [skipping, skipping_in_pairs] {
        changes_nothing(run, |model, opt, data| {
            // With zero starting gradients and fresh momentum, `update` would still move by the
            // momentum that there is: so this optimizer is another one.
            let mut still = sgd(model, 0.0);
            step(
                run,
                (model, &mut still),
                with_nan(data.clone(), 2),
                0.3,
                None,
            )
            .unwrap();
            let bad = with_nan(data.clone(), 3);
            step(run, (model, &mut still), bad, 0.0, None).unwrap();
            step(run, (model, &mut still), data, HUGE, None).unwrap();
            let _ = opt;
        });
    }
}

#[test]
fn a_failure_through_the_closure_leaves_the_model() {
    let (mut model, _, data) = start();
    let before = state(&model);
    for (bad, rho) in [
        (with_nan(data.clone(), 5), 0.3),
        (with_nan(data.clone(), 0), 0.0),
        (data.clone(), HUGE),
        (data, -1.0),
    ] {
        let grads = model.alloc_grads();
        closure_step(&mut model, bad, grads, Sam::new(rho)).unwrap_err();
        assert_eq!(state(&model), before);
    }
}
