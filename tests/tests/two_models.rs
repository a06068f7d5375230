//! A `Run` around two models with an optimizer each, a GAN: it is resumed to the bit.

use std::{error::Error, path::Path};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    optim::{AdamKeys, AnyOptimizer, SaveState, SgdKeys, State, StateError},
    prelude::*,
    run::{
        LogConfig, Run, RunConfig,
        checkpoint::{CheckpointStore, module_state},
        stop::Stop,
    },
};

const B: usize = 8;
const BATCHES: usize = 5;

type Generator = (Linear<2, 8>, ReLU, Linear<8, 2>);
type Discriminator = (Linear<2, 8>, ReLU, Linear<8, 1>);
type Models = (Built<Generator>, Built<Discriminator>);
type Opts = (
    AnyOptimizer<Built<Generator>, f32, Cpu>,
    AnyOptimizer<Built<Discriminator>, f32, Cpu>,
);

/// Two steps for each batch, each with a forward pass and an update of its own.
#[sam_train(rho = run.rho())]
fn train(
    run: &mut Run<Models>,
    models: &mut Models,
    opts: &mut Opts,
    dev: &Cpu,
) -> Result<(), Box<dyn Error>> {
    let answers: Tensor<Rank3<2, B, 1>, f32, _> = [dev.ones::<Rank2<B, 1>>(), dev.zeros()].stack();
    while let Some(from) = run.next_epoch(BATCHES) {
        for _ in from.batch..BATCHES {
            let noise: Tensor<Rank2<B, 2>, f32, _> = dev.sample_normal();
            let real: Tensor<Rank2<B, 2>, f32, _> = dev.sample_normal() * 0.1 + 1.0;
            let fake = models.0.forward(noise.clone());
            let both = [real, fake].stack();

            let (generator, discriminator) = &mut *models;
            let told = discriminator.forward_mut(both.traced(discriminator.alloc_grads()));
            let loss = binary_cross_entropy_with_logits_loss(told, answers.clone());
            run.saw(loss.array(), B);
            let grads = loss.backward();
            opts.1.update(discriminator, &grads)?;

            let made = generator.forward_mut(noise.traced(generator.alloc_grads()));
            let told = discriminator.forward(made);
            let fooled = binary_cross_entropy_with_logits_loss(told, dev.ones());
            let grads = fooled.backward();
            opts.0.update(generator, &grads)?;
            if !run.step(models, opts)? {
                break;
            }
        }
        run.end_epoch(models, opts, &[])?;
    }
    Ok(())
}

/// One process: why it has ended, and all bits that it ends with.
fn process(out: &Path, minutes: Option<f64>) -> (Stop, State, State) {
    let config = RunConfig {
        minutes,
        resume: true,
        seed: 3,
        log: LogConfig {
            every: 1,
            progress: false,
            dashboard: false,
        },
        ..RunConfig::new(out, 3, SgdKeys::default())
    };
    let dev = Cpu::seed_from_u64(config.seed);
    let mut models = dev.build_module::<(Generator, Discriminator), f32>();
    let adam = AdamKeys::default().into();
    let sgd = SgdKeys {
        momentum: 0.9,
        ..SgdKeys::default()
    };
    let mut opts = (
        AnyOptimizer::new(&models.0, &adam).unwrap(),
        AnyOptimizer::new(&models.1, &sgd.into()).unwrap(),
    );
    let mut run = Run::start(&config, &config, &mut models, &mut opts).unwrap();
    train(&mut run, &mut models, &mut opts, &dev).unwrap();
    let stop = run.finish().unwrap();
    (stop, module_state(&models).unwrap(), opts.state().unwrap())
}

#[test]
fn a_gan_that_stops_after_each_step_ends_with_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let whole = process(&dir.path().join("whole"), None);
    assert_eq!(whole.0, Stop::Finished);
    let begun = process(&dir.path().join("begun"), Some(1e-9));
    for name in ["0.0.weight", "1.0.weight"] {
        assert_ne!(begun.1.tensors[name], whole.1.tensors[name]);
    }
    let pieces = dir.path().join("pieces");
    let mut processes = 0;
    let last = loop {
        processes += 1;
        let last = process(&pieces, Some(1e-9));
        if last.0 == Stop::Finished {
            break last;
        }
        assert!(processes < 100);
    };
    assert!(processes > 15, "{processes}");
    assert!(last == whole);
    // What another program finds: each part by its model's place in the pair.
    let store = CheckpointStore::open(pieces.join("checkpoints")).unwrap();
    let found = store.latest().unwrap().unwrap();
    let names = found
        .load_with("optimizer", |state| Ok(state.clone()))
        .unwrap();
    assert!(names.tensors.contains_key("0.exp_avg.0.weight"));
    assert!(names.tensors.contains_key("1.momentum_buffer.0.weight"));
}

#[test]
fn a_pair_takes_on_the_state_of_such_a_pair_alone() {
    let dev = Cpu::seed_from_u64(1);
    let model = dev.build_module::<Linear<2, 1>, f32>();
    let sgd = || AnyOptimizer::new(&model, &SgdKeys::default().into()).unwrap();
    let adam = || AnyOptimizer::new(&model, &AdamKeys::default().into()).unwrap();
    let mut both = (sgd(), adam());
    let before = both.state().unwrap();
    let error = both
        .load_state(&(sgd(), sgd()).state().unwrap())
        .unwrap_err();
    assert!(matches!(error, StateError::Kind { .. }), "{error}");
    let error = both.load_state(&sgd().state().unwrap()).unwrap_err();
    assert!(matches!(error, StateError::Unexpected { .. }), "{error}");
    assert_eq!(both.state().unwrap(), before);
    both.load_state(&before).unwrap();
}
