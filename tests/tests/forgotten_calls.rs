//! A loop that forgets a call of its `Run` is refused at the first chance, by an error that names the call; one that means what it
//! does is not.

use std::path::Path;

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{Call, Run, RunConfig, RunError, metrics::read_jsonl, stop::Stop},
};

type Net = Linear<4, 2>;
type Model = Built<Net>;
type Opt = AnyOptimizer<Model, f32, Cpu>;
type Loader = DataLoader<Images<Rank1<4>, 2>, 8>;
type Outcome = Result<(), RunError>;

/// Batches of an epoch, and epochs.
const BATCHES: usize = 5;
const EPOCHS: usize = 3;

fn config(out: &Path) -> RunConfig {
    let text = format!(
        "out = {out:?}\nepochs = {EPOCHS}\noptimizer = {{ kind = 'sgd', lr = 0.05 }}\nlog = {{ every = 1, progress = false }}"
    );
    toml::from_str(&text).unwrap()
}

fn loader() -> Loader {
    let pixels = (0..8 * BATCHES * 4).map(|i| (i * 37 % 251) as u8);
    let images = Images::new(pixels.collect(), (0..8 * BATCHES).map(|i| i % 2).collect());
    DataLoader::new(images.unwrap()).unwrap()
}

/// A run, and what it needs.
struct Training {
    run: Run<Model>,
    model: Model,
    opt: Opt,
    loader: Loader,
    dev: Cpu,
}

impl Training {
    fn start(config: &RunConfig) -> Self {
        let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
        let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
        let run = Run::start(config, config, &mut model, &mut opt).unwrap();
        Self {
            run,
            model,
            opt,
            loader: loader(),
            dev: Cpu::default(),
        }
    }

    /// The forward pass, `backward` and the update: all that needs no run.
    fn update(&mut self, (x, y): Batch) -> f32 {
        let logits = self.model.forward_mut(x.traced(self.model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let value = loss.array();
        self.opt.update(&mut self.model, &loss.backward()).unwrap();
        value
    }

    /// With the learning rate of the run, which is told of the loss.
    fn train(&mut self, batch: Batch) {
        self.opt.set_lr(self.run.lr());
        let loss = self.update(batch);
        self.run.saw(loss, 8);
    }

    fn step(&mut self) -> Result<bool, RunError> {
        self.run.step(&self.model, &self.opt)
    }

    fn end_epoch(&mut self) -> Outcome {
        self.run
            .end_epoch(&self.model, &self.opt, &[("accuracy", 0.5)])
    }

    fn next_epoch(&mut self) -> Option<Vec<Batch>> {
        let from = self.run.next_epoch(self.loader.len())?;
        // One after the other, as the loop takes them.
        Some(self.loader.epoch(&self.dev, from).collect())
    }
}

type Batch = (Tensor<Rank2<8, 4>, f32, Cpu>, Tensor<Rank2<8, 2>, f32, Cpu>);

/// How a loop ends in a new folder: what it or `finish` says.
fn ended(
    config: &RunConfig,
    the_loop: impl FnOnce(&mut Training) -> Outcome,
) -> Result<Stop, RunError> {
    let mut training = Training::start(config);
    the_loop(&mut training)?;
    training.run.finish()
}

fn in_new_folder(the_loop: impl FnOnce(&mut Training) -> Outcome) -> Result<Stop, RunError> {
    let dir = tempfile::tempdir().unwrap();
    ended(&config(&dir.path().join("run")), the_loop)
}

/// The call that an error names, at which epoch and batch.
fn forgotten(result: Result<Stop, RunError>) -> (Call, usize, usize) {
    match result {
        Err(error @ RunError::Forgotten { call, position, .. }) => {
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("`{}` was not called: in epoch ", call.name())),
                "{text}"
            );
            (call, position.epoch, position.batch)
        }
        Err(error) => panic!("{error}"),
        Ok(stop) => panic!("{stop}"),
    }
}

#[test]
fn without_the_end_of_an_epoch_there_is_no_second_one() {
    let mut batches = 0;
    let result = in_new_folder(|t| {
        while let Some(epoch) = t.next_epoch() {
            for batch in epoch {
                batches += 1;
                t.train(batch);
                if !t.step()? {
                    break;
                }
            }
        }
        Ok(())
    });
    assert_eq!(forgotten(result), (Call::EndEpoch, 0, BATCHES));
    assert_eq!(batches, BATCHES);
}

#[test]
fn a_dry_run_finds_that_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(&dir.path().join("run"));
    config.dry_run = true;
    let result = ended(&config, |t| {
        while let Some(epoch) = t.next_epoch() {
            for batch in epoch {
                t.train(batch);
                if !t.step()? {
                    break;
                }
            }
        }
        Ok(())
    });
    assert_eq!(forgotten(result), (Call::EndEpoch, 0, 1));
}

#[test]
fn an_epoch_that_was_trained_on_without_a_step_does_not_end() {
    // The run saw losses; or it was asked for the learning rate alone, and the loop took batches.
    for tells in [true, false] {
        let mut epochs = 0;
        let result = in_new_folder(|t| {
            while let Some(from) = t.run.next_epoch(t.loader.len()) {
                epochs += 1;
                for batch in t.loader.clone().epoch(&t.dev.clone(), from) {
                    t.opt.set_lr(t.run.lr());
                    let loss = t.update(batch);
                    if tells {
                        t.run.saw(loss, 8);
                    }
                }
                t.end_epoch()?;
            }
            Ok(())
        });
        assert_eq!(forgotten(result), (Call::Step, 0, 0));
        assert_eq!(epochs, 1);
    }
    // Batches of which the run knows nothing: it was asked for each.
    let result = in_new_folder(|t| {
        let batches = || vec![(); 10];
        while t.run.next_epoch(batches().len()).is_some() {
            for () in batches() {
                t.opt.set_lr(t.run.lr());
            }
            t.end_epoch()?;
        }
        Ok(())
    });
    assert_eq!(forgotten(result), (Call::Step, 0, 0));
}

#[test]
fn of_two_forgotten_calls_the_first_one_is_named() {
    let result = in_new_folder(|t| {
        while let Some(epoch) = t.next_epoch() {
            epoch.into_iter().for_each(|batch| t.train(batch));
        }
        Ok(())
    });
    assert_eq!(forgotten(result), (Call::Step, 0, 0));
    let result = in_new_folder(|t| {
        let epoch = t.next_epoch().unwrap();
        t.train(epoch[0].clone());
        Ok(())
    });
    assert_eq!(forgotten(result), (Call::Step, 0, 0));
}

#[test]
fn what_belongs_to_no_epoch_is_refused() {
    let result = in_new_folder(|t| {
        let dev = t.dev.clone();
        for epoch in 0..EPOCHS {
            for batch in t.loader.clone().epoch(&dev, epoch) {
                t.train(batch);
                t.step()?;
            }
            t.end_epoch()?;
        }
        Ok(())
    });
    assert_eq!(forgotten(result), (Call::NextEpoch, 0, 0));
    let result = in_new_folder(|t| t.end_epoch());
    assert_eq!(forgotten(result), (Call::NextEpoch, 0, 0));
    // An epoch that ends twice would count as two.
    let result = in_new_folder(|t| {
        for batch in t.next_epoch().unwrap() {
            t.train(batch);
            t.step()?;
        }
        t.end_epoch()?;
        t.end_epoch()
    });
    assert_eq!(forgotten(result), (Call::NextEpoch, 1, 0));
}

#[test]
fn a_run_that_was_left_within_an_epoch_does_not_say_that_it_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir.path().join("run"));
    let result = ended(&config, |t| {
        for batch in t.next_epoch().unwrap().into_iter().take(3) {
            t.train(batch);
            t.step()?;
        }
        Ok(())
    });
    assert_eq!(forgotten(result), (Call::EndEpoch, 0, 3));
    // What was recorded is on the disk nevertheless.
    assert_eq!(
        read_jsonl(config.out.join("metrics.jsonl")).unwrap().len(),
        3
    );
}

/// One step each batch, until `is_left` says to leave the loop over the batches.
fn until(t: &mut Training, mut is_left: impl FnMut(u64) -> bool) -> Outcome {
    for batch in t.next_epoch().into_iter().flatten() {
        t.train(batch);
        if !t.step()? || is_left(t.run.steps()) {
            break;
        }
    }
    Ok(())
}

#[test]
fn a_loop_may_leave_an_epoch_and_a_run_by_conditions_of_its_own() {
    // Three batches of each epoch.
    let result = in_new_folder(|t| {
        for _ in 0..EPOCHS {
            until(t, |steps| steps.is_multiple_of(3))?;
            t.end_epoch()?;
        }
        assert_eq!(t.run.steps(), 9);
        assert!(t.next_epoch().is_none());
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
    // So many steps, wherever that is, and a checkpoint to go on from.
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(&dir.path().join("run"));
    let result = ended(&config, |t| {
        while t.run.steps() < 7 {
            until(t, |steps| steps == 7)?;
            t.end_epoch()?;
        }
        Ok(())
    });
    let stop = result.unwrap();
    assert_eq!(stop, Stop::Left);
    assert_eq!(
        stop.to_string(),
        "the loop was left before all epochs were done; `resume` goes on"
    );
    config.resume = true;
    let result = ended(&config, |t| {
        assert_eq!(t.run.steps(), 7);
        until(t, |_| false)?;
        t.end_epoch()?;
        assert!(t.next_epoch().is_none());
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
    // Resumed where all is done.
    let result = ended(&config, |t| {
        assert!(t.next_epoch().is_none());
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
    // Before it has done anything in its epoch.
    let result = in_new_folder(|t| {
        t.next_epoch();
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Left);
}

#[test]
fn an_epoch_may_go_on_in_its_middle() {
    let result = in_new_folder(|t| {
        for epoch in 0..EPOCHS {
            // As after an error of the first iterator.
            until(t, |steps| steps % 5 == 2)?;
            until(t, |_| false)?;
            assert_eq!(t.run.steps(), (BATCHES * (epoch + 1)) as u64);
            t.end_epoch()?;
        }
        assert!(t.next_epoch().is_none());
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
}

#[test]
fn a_loop_may_add_up_gradients_or_make_two_steps_of_a_batch() {
    // With and without a word for the batches between.
    for passes in [true, false] {
        let result = in_new_folder(|t| {
            while let Some(epoch) = t.next_epoch() {
                for (i, batch) in epoch.into_iter().enumerate() {
                    t.train(batch);
                    if i % 2 == 1 {
                        t.step()?;
                    } else if passes {
                        t.run.passed_over();
                    }
                }
                t.end_epoch()?;
            }
            assert_eq!(t.run.steps(), (BATCHES / 2 * EPOCHS) as u64);
            Ok(())
        });
        assert_eq!(result.unwrap(), Stop::Finished);
    }
    // Over more batches than an epoch has.
    let result = in_new_folder(|t| {
        let mut batches = 0;
        while let Some(epoch) = t.next_epoch() {
            for batch in epoch {
                t.train(batch);
                batches += 1;
                if batches % 7 == 0 {
                    t.step()?;
                } else {
                    t.run.passed_over();
                }
            }
            t.end_epoch()?;
        }
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
    let result = in_new_folder(|t| {
        while let Some(epoch) = t.next_epoch() {
            for batch in epoch {
                t.train(batch);
                t.step()?;
                t.step()?;
            }
            t.end_epoch()?;
        }
        assert_eq!(t.run.steps(), (2 * BATCHES * EPOCHS) as u64);
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
}

#[test]
fn a_loop_may_only_evaluate() {
    let mut seen = 0;
    let result = in_new_folder(|t| {
        while let Some(epoch) = t.next_epoch() {
            for (x, _) in epoch {
                t.model.forward(x);
                seen += 1;
            }
            t.end_epoch()?;
        }
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
    assert_eq!(seen, BATCHES * EPOCHS);
    // And show where it is.
    let result = in_new_folder(|t| {
        while t.run.next_epoch(2).is_some() {
            println!("{} {} {}", t.run.position().epoch, t.run.lr(), t.run.rho());
            t.end_epoch()?;
        }
        Ok(())
    });
    assert_eq!(result.unwrap(), Stop::Finished);
}

#[test]
fn losses_that_are_passed_over_are_named_where_there_was_no_other_one() {
    let result = in_new_folder(|t| {
        for _ in t.next_epoch().unwrap() {
            t.run.saw(f32::NAN, 8);
        }
        t.end_epoch()
    });
    assert!(matches!(result, Err(RunError::NonFinite { step: 0, .. })));
    // Nor is a call forgotten where the loop ended by one.
    let result = in_new_folder(|t| {
        for (i, batch) in t.next_epoch().unwrap().into_iter().enumerate() {
            t.train(batch);
            if i == 2 {
                t.run.saw(f32::INFINITY, 8);
                break;
            }
            t.step()?;
        }
        Ok(())
    });
    assert!(matches!(result, Err(RunError::NonFinite { step: 2, .. })));
}

/// What other evaluations have found is recorded under their names, and rules can watch it.
#[test]
fn an_epoch_ends_with_values_of_any_name_and_split() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(&dir.path().join("run"));
    config.early_stopping =
        Some(toml::from_str("on = 'validation/accuracy'\ngoal = 'highest'\npatience = 1").unwrap());
    let result = ended(&config, |t| {
        until(t, |_| false)?;
        let classes = (0..2).map(|class| (format!("class {class}"), 0.25 * class as f64));
        t.run
            .found("validation", [("accuracy", 0.75), ("loss", 1.5)]);
        t.run.found("classes".to_owned(), classes);
        let name = String::from("macro f1");
        t.run
            .end_epoch(&t.model, &t.opt, &[(&name, 0.125), ("accuracy", 0.5)])?;
        until(t, |_| false)?;
        // The rule's value has to be there each time, and says what there is.
        t.run.found("classes", [("class 0", 0.5)]);
        t.end_epoch()
    });
    let error = result.unwrap_err().to_string();
    assert_eq!(
        error,
        "the configuration watches `validation/accuracy`, but an epoch gives accuracy, classes/class 0, train_loss"
    );
    let records = read_jsonl(config.out.join("metrics.jsonl")).unwrap();
    let of = |split: &str| {
        let mut own = records.iter().filter(|record| record.split == split);
        let own = own.next().unwrap();
        assert_eq!((own.step, own.epoch), (BATCHES as u64, 1.0));
        own.values()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Vec<_>>()
    };
    let named = |values: &[(&str, f64)]| -> Vec<(String, f64)> {
        values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect()
    };
    assert_eq!(of("test"), named(&[("accuracy", 0.5), ("macro f1", 0.125)]));
    assert_eq!(
        of("validation"),
        named(&[("loss", 1.5), ("accuracy", 0.75)])
    );
    assert_eq!(of("classes"), named(&[("class 0", 0.0), ("class 1", 0.25)]));
}
