//! The records of a run have the learning rate and rho that its steps were made with, whatever stands in the configuration.

use std::path::Path;

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, RunError, metrics::read_jsonl},
    schedule::Schedule,
};

type Net = Linear<4, 2>;
type Model = Built<Net>;
type Opt = AnyOptimizer<Model, f32, Cpu>;

const STEPS: usize = 6;

fn config(out: &Path) -> RunConfig {
    let text = format!(
        "out = {out:?}\nepochs = 1\nrho = {{ kind = 'cosine', max = 0.3, steps = 10 }}\nlr = {{ kind = 'cosine', max = 0.1, steps = 10 }}\n\
         optimizer = {{ kind = 'sgd', lr = 0.25 }}\nlog = {{ every = 1, progress = false }}"
    );
    toml::from_str(&text).unwrap()
}

/// The learning rates and radii that were recorded.
fn recorded(out: &Path) -> Vec<[f64; 2]> {
    let records = read_jsonl(out.join("metrics.jsonl")).unwrap();
    let steps = records.iter().filter(|record| record.split == "train");
    let both = steps.map(|record| ["learning_rate", "rho"].map(|name| record.get(name).unwrap()));
    both.collect()
}

macro_rules! training {
    ($name:ident, $rho:expr, |$run:ident, $opt:ident| $before:expr) => {
        #[sam_train(rho = $rho)]
        fn $name($run: &mut Run<Model>, model: &mut Model, $opt: &mut Opt) -> Result<(), RunError> {
            let dev = Cpu::seed_from_u64(2);
            while let Some(from) = $run.next_epoch(STEPS) {
                for _ in from.batch..STEPS {
                    $before;
                    let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
                    let logits = model.forward_mut(x.traced(model.alloc_grads()));
                    let loss = logits.square().mean();
                    let grads = loss.backward();
                    $opt.update(model, &grads).expect("every parameter is used");
                    if !$run.step(model, $opt)? {
                        break;
                    }
                }
                $run.end_epoch(model, $opt, &[])?;
            }
            Ok(())
        }
    };
}

training!(as_configured, run.rho(), |run, opt| opt.set_lr(run.lr()));
training!(with_its_own, 0.05, |run, opt| {});

fn run(
    out: &Path,
    train: impl FnOnce(&mut Run<Model>, &mut Model, &mut Opt) -> Result<(), RunError>,
) -> Vec<[f64; 2]> {
    let config = config(out);
    let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
    let mut run = Run::start(&config, &config, &mut model, &mut opt).unwrap();
    train(&mut run, &mut model, &mut opt).unwrap();
    run.finish().unwrap();
    recorded(out)
}

#[test]
fn a_loop_that_asks_has_the_schedules() {
    let dir = tempfile::tempdir().unwrap();
    let of = |max: f64| Schedule::cosine(max, 0.0, 10);
    let expected: Vec<[f64; 2]> = (0..STEPS as u64)
        .map(|step| [of(0.1).at(step), of(0.3).at(step)])
        .collect();
    assert_eq!(run(&dir.path().join("asked"), as_configured), expected);
}

#[test]
fn a_loop_that_does_not_has_its_own_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let own = run(&dir.path().join("own"), with_its_own);
    assert_eq!(own, [[0.25, 0.05]; STEPS]);
}
