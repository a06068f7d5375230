use std::panic::{AssertUnwindSafe, catch_unwind};

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use rayon::ThreadPoolBuilder;

use crate::{
    Sam,
    doors::{
        generator::{Generator, generator},
        walk::{Which, each_named},
    },
    last_report,
    nn::Built,
    step::{
        NonFinite, StepError, When, method_state,
        methods::{Gsam, LookSam, LpSam, Msam, Vasso},
        parameter_ids,
        rank::{Ranks, SAID, set_ranks},
    },
};

/// Samples of a batch.
const BATCH: usize = 16;
const STEPS: usize = 5;

/// One of several ranks, of which the others say nothing.
struct Numbered(usize);

impl Ranks for Numbered {
    fn rank(&self) -> usize {
        self.0
    }

    fn gather(&self, said: [u8; SAID]) -> Result<Vec<[u8; SAID]>, String> {
        Ok(vec![said])
    }
}

type Inputs = Tensor<(usize, Const<6>), f32, Cpu>;
type Data = (Inputs, Tensor<(usize, Const<3>), f32, Cpu>);
type Tape = OwnedTape<f32, Cpu>;
type Taped<const I: usize> = Tensor<(usize, Const<I>), f32, Cpu, Tape>;

type Mlp = (Linear<6, 16>, Tanh, Linear<16, 3>);
type Dropped = (Linear<6, 16>, DropoutOneIn<2>, Linear<16, 3>);
type Normed = (Linear<6, 16>, BatchNorm1D<16>, ReLU, Linear<16, 3>);

/// What a training leaves behind, step by step.
struct Training {
    /// Of each step; a text, for NaN is not like NaN.
    results: Vec<String>,
    /// Of all tensors of the model.
    bits: Vec<Vec<u32>>,
    reports: Vec<String>,
    generators: Vec<Option<Generator>>,
}

/// A number for each sample and feature, a function of the step.
fn numbers<const N: usize>(dev: &Cpu, step: usize) -> Tensor<(usize, Const<N>), f32, Cpu> {
    let number = |i: usize| ((i * 37 + step * 101) % 97) as f32 / 48.5 - 1.0;
    dev.tensor_from_vec((0..BATCH * N).map(number).collect(), (BATCH, Const))
}

fn bits<M: TensorCollection<f32, Cpu>>(model: &M) -> Vec<u32> {
    let mut bits = Vec::new();
    each_named::<f32, Cpu, M>(model, Which::All, &mut |_, t| {
        bits.extend(t.values().into_iter().map(f32::to_bits));
        Ok(())
    })
    .unwrap();
    bits
}

/// A training with this step, and a batch of which one number is `odd` in the second step.
fn trace<N>(
    (odd, rank): (f32, usize),
    step: impl Fn(&mut Built<N>, Data, Gradients<f32, Cpu>) -> Result<Gradients<f32, Cpu>, StepError>,
) -> Training
where
    N: BuildOnDevice<Cpu, f32>,
    Built<N>: TensorCollection<f32, Cpu>,
{
    let dev = Cpu::seed_from_u64(3);
    let mut model = dev.build_module::<N, f32>();
    if rank > 0 {
        set_ranks(parameter_ids(&model).unwrap(), Numbered(rank));
    }
    let config = SgdConfig {
        lr: 0.1,
        momentum: None,
        weight_decay: None,
    };
    let mut opt = Sgd::new(&model, config);
    let mut trace = Training {
        results: Vec::new(),
        bits: Vec::new(),
        reports: Vec::new(),
        generators: Vec::new(),
    };
    for at in 0..STEPS {
        let (mut x, y) = (numbers::<6>(&dev, at), numbers::<3>(&dev, at + 7));
        if at == 1 && odd != 0.0 {
            let mut values = x.as_vec();
            values[BATCH * 6 / 2] = odd;
            x = dev.tensor_from_vec(values, (BATCH, Const));
        }
        let mut start = model.alloc_grads();
        let result = step(&mut model, (x, y), start.clone());
        let error = result.as_ref().err();
        trace.results.push(format!("{error:?}"));
        if let Ok(gradients) = result {
            start = gradients;
        }
        opt.update(&mut model, &start).unwrap();
        trace.bits.push(bits(&model));
        trace.reports.push(format!("{:?}", last_report()));
        trace.generators.push(generator(&dev));
    }
    trace
}

/// The chunks at once give what they give one after the other.
fn is_the_same<N, const M: usize>(sam: Sam, odd_and_rank: (f32, usize), threads: usize) -> Training
where
    N: BuildOnDevice<Cpu, f32>,
    Built<N>: TensorCollection<f32, Cpu> + Clone + Send + ModuleMut<Taped<6>, Output = Taped<3>>,
{
    let in_turn = sam.chunked::<M>();
    let at_once = in_turn.clone().parallel();
    let loss =
        |model: &mut Built<N>, (x, y): Data, grads| mse_loss(model.forward_mut(x.traced(grads)), y);
    let expected = trace::<N>(odd_and_rank, |model, data, grads| {
        in_turn.step(model, data, grads, loss)
    });
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let found = pool.install(|| {
        trace::<N>(odd_and_rank, |model, data, grads| {
            at_once.step(model, data, grads, loss)
        })
    });
    let name = format!("{M} samples, {threads} threads");
    assert_eq!(found.results, expected.results, "{name}");
    assert_eq!(found.reports, expected.reports, "{name}");
    assert_eq!(found.generators, expected.generators, "{name}");
    assert!(found.bits == expected.bits, "other bits: {name}");
    found
}

/// With 1, 2, 3 and 8 chunks, of which the last may be smaller.
fn in_all_sizes<N>(sam: &Sam, odd: f32)
where
    N: BuildOnDevice<Cpu, f32>,
    Built<N>: TensorCollection<f32, Cpu> + Clone + Send + ModuleMut<Taped<6>, Output = Taped<3>>,
{
    as_rank::<N>(sam, odd, 0);
}

fn as_rank<N>(sam: &Sam, odd: f32, rank: usize)
where
    N: BuildOnDevice<Cpu, f32>,
    Built<N>: TensorCollection<f32, Cpu> + Clone + Send + ModuleMut<Taped<6>, Output = Taped<3>>,
{
    for threads in [1, 2, 4] {
        is_the_same::<N, 16>(sam.clone(), (odd, rank), threads);
        is_the_same::<N, 8>(sam.clone(), (odd, rank), threads);
        is_the_same::<N, 7>(sam.clone(), (odd, rank), threads);
        is_the_same::<N, 2>(sam.clone(), (odd, rank), threads);
    }
}

#[test]
fn chunks_at_once_give_the_bits_of_chunks_in_turn() {
    in_all_sizes::<Mlp>(&Sam::new(0.1), 0.0);
    in_all_sizes::<Normed>(&Sam::new(0.1).clip(0.3), 0.0);
}

#[test]
fn random_numbers_are_those_of_chunks_in_turn_however_threads_are_scheduled() {
    for _ in 0..20 {
        in_all_sizes::<Dropped>(&Sam::new(0.1), 0.0);
    }
}

#[test]
fn a_step_of_the_base_optimizer_draws_as_in_turn() {
    for (start, every) in [(0, 2), (STEPS as u64, 1)] {
        let when = When {
            start,
            every,
            ..When::ALWAYS
        };
        let sam = Sam::new(0.1).when(when);
        in_all_sizes::<Dropped>(&sam, 0.0);
        in_all_sizes::<Normed>(&sam, 0.0);
    }
    in_all_sizes::<Dropped>(&Sam::new(0.0), 0.0);
}

#[test]
fn every_method_climbs_as_in_turn() {
    let inner = LpSam {
        steps: 2,
        ..LpSam::default()
    };
    let sam = Sam::new(0.1);
    for sam in [
        sam.clone().method(Gsam::default()),
        sam.clone().method(Vasso::default()),
        sam.clone().method(LookSam { k: 2, alpha: 0.5 }),
        sam.clone().method(Msam::default()),
        sam.clone().method(inner),
    ] {
        in_all_sizes::<Dropped>(&sam, 0.0);
        in_all_sizes::<Normed>(&sam, 0.0);
    }
}

#[test]
fn a_rank_draws_as_in_turn() {
    for rho in [0.1, 0.0] {
        as_rank::<Dropped>(&Sam::new(rho), 0.0, 2);
    }
}

#[test]
fn what_is_not_finite_ends_a_step_as_in_turn() {
    for method in [
        LpSam::ONE_STEP,
        LpSam {
            steps: 2,
            ..LpSam::ONE_STEP
        },
    ] {
        for nonfinite in [NonFinite::Error, NonFinite::Skip] {
            let sam = Sam::new(0.1).method(method).nonfinite(nonfinite);
            in_all_sizes::<Normed>(&sam, f32::NAN);
            in_all_sizes::<Dropped>(&sam, f32::INFINITY);
            in_all_sizes::<Mlp>(&sam.clone().method(Vasso::default()), f32::INFINITY);
            let trace = is_the_same::<Mlp, 4>(sam, (f32::NAN, 0), 2);
            let is_error = trace.results[1].contains("not finite");
            assert_eq!(is_error, nonfinite == NonFinite::Error);
            assert_eq!(trace.reports[1].contains("skipped: true"), !is_error);
        }
    }
}

#[test]
fn a_loss_that_draws_from_a_shared_device_is_refused() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Mlp, f32>();
    let before = (bits(&model), generator(&dev));
    for rho in [0.1, 0.0] {
        let sam = Sam::new(rho).chunked::<4>().parallel();
        let data = (numbers::<6>(&dev, 0), numbers::<3>(&dev, 1));
        let start = model.alloc_grads();
        let error = sam.step(&mut model, data, start, |model, (x, y): Data, grads| {
            let noise = dev.sample_like(x.shape(), rand_distr::StandardNormal);
            mse_loss(model.forward_mut((x + noise).traced(grads)), y)
        });
        assert_eq!(error.err(), Some(StepError::SharedGenerator));
        assert_eq!((bits(&model), generator(&dev)), before);
    }
    // From its own one it may.
    let sam = Sam::new(0.1).chunked::<4>().parallel();
    let data = (numbers::<6>(&dev, 0), numbers::<3>(&dev, 1));
    let start = model.alloc_grads();
    sam.step(&mut model, data, start, |model, (x, y): Data, grads| {
        let noise = x
            .device()
            .sample_like(x.shape(), rand_distr::StandardNormal);
        mse_loss(model.forward_mut((x + noise).traced(grads)), y)
    })
    .unwrap();
}

#[test]
fn a_loss_past_the_perturbed_model_is_found_out() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Mlp, f32>();
    let other = model.clone();
    let data = (numbers::<6>(&dev, 0), numbers::<3>(&dev, 1));
    let start = model.alloc_grads();
    let sam = Sam::new(0.1).chunked::<4>().parallel();
    let error = sam.step(&mut model, data, start, |_, (x, y): Data, grads| {
        mse_loss(other.forward(x.traced(grads)), y)
    });
    assert!(matches!(error, Err(StepError::NotPerturbed { .. })));
}

#[test]
fn a_loss_that_panics_leaves_what_the_method_keeps_as_it_was() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Mlp, f32>();
    let sam = Sam::new(0.1).method(Vasso::default());
    let sam = sam.chunked::<4>().parallel();
    let mut step = |at: usize, panics: bool| {
        let data = (numbers::<6>(&dev, at), numbers::<3>(&dev, at));
        let start = model.alloc_grads();
        let result = sam.step(&mut model, data, start, |model, (x, y): Data, grads| {
            assert!(!panics || x.as_vec()[0] < 0.0, "as it should");
            mse_loss(model.forward_mut(x.traced(grads)), y)
        });
        drop(result.unwrap());
        method_state(&model).unwrap()
    };
    let before = step(0, false);
    catch_unwind(AssertUnwindSafe(|| step(1, true))).unwrap_err();
    assert_eq!(method_state(&model).unwrap(), before);
}
