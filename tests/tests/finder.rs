//! The finder of a learning rate and a rho: stable suggestions, and everything as it was afterwards, bit by bit.

use dfdx::{
    optim::{Momentum, Optimizer, SgdConfig},
    prelude::*,
};
use sam_runtime::{
    Sam, last_report, nn,
    optim::{SaveState, Sgd, State},
    run::finder::{FinderError, LrFinder, RhoFinder, Sweep},
    step::{method_state, methods::LookSam},
};

/// Plain descent on `1/2 sum h_i w_i^2`, in plain numbers: what a step of the sweep is.
fn quadratic(curvatures: &[f64], finder: &LrFinder, noise: f64) -> Sweep {
    let dev = Cpu::default();
    let mut model = dev.build_module::<Linear<6, 1>, f64>();
    let mut opt = ();
    let mut at: Vec<f64> = (0..curvatures.len())
        .map(|i| 1.0 + 0.1 * i as f64)
        .collect();
    let mut random = 1u64;
    finder
        .run(&mut model, &mut opt, |_, (), lr| {
            let loss: f64 = at
                .iter()
                .zip(curvatures)
                .map(|(w, h)| 0.5 * h * w * w)
                .sum();
            for (w, h) in at.iter_mut().zip(curvatures) {
                *w -= lr * h * *w;
            }
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let uniform = (random >> 33) as f64 / (1u64 << 31) as f64 - 0.5;
            loss * (1.0 + noise * uniform)
        })
        .unwrap()
}

#[test]
fn on_a_quadratic_the_suggestion_is_stable() {
    for largest in [0.05, 1.0, 30.0, 1000.0] {
        for spectrum in [
            vec![1.0],
            vec![1.0, 0.1],
            vec![1.0, 0.5, 0.01],
            (0..50).map(|i| 0.8f64.powi(i)).collect(),
            (1..=50).map(|i| f64::from(i) / 50.0).collect(),
        ] {
            for steps in [60, 140, 600] {
                for noise in [0.0, 0.2] {
                    let curvatures: Vec<f64> = spectrum.iter().map(|h| h * largest).collect();
                    let finder = LrFinder {
                        from: 1e-7,
                        to: 1e4,
                        steps,
                        ..Default::default()
                    };
                    let sweep = quadratic(&curvatures, &finder, noise);
                    let bound = 2.0 / largest;
                    let case = format!(
                        "{largest} {} {steps} {noise}\n{}",
                        spectrum.len(),
                        sweep.reason
                    );
                    let suggestion = sweep.suggestion.expect(&case);
                    assert!(suggestion < bound, "{suggestion} of {bound}: {case}");
                    // It is not so small that it would be useless.
                    assert!(
                        suggestion > bound / 1000.0,
                        "{suggestion} of {bound}: {case}"
                    );
                    let diverged = sweep.diverged.first().copied().unwrap_or(f64::INFINITY);
                    assert!(diverged > bound, "{diverged} of {bound}: {case}");
                }
            }
        }
    }
}

/// With running statistics, random numbers, and weights of more than one layer.
type Net = (
    Linear<6, 8>,
    nn::BatchNorm1D<8>,
    ReLU,
    DropoutOneIn<4>,
    Linear<8, 1>,
);
type Model = <Net as BuildOnDevice<Cpu, f32>>::Built;
type Input = Tensor<Rank2<16, 6>, f32, Cpu>;

/// A step of a method that keeps something from one to the next.
fn step<O: Optimizer<Model, Cpu, f32>>(model: &mut Model, opt: &mut O, x: Input, rho: f64) -> f64 {
    let grads = model.alloc_grads();
    let sam = Sam::new(rho).method(LookSam { k: 3, alpha: 0.5 });
    let loss = |model: &mut Model, x: Input, grads| {
        (model.forward_mut(x.traced(grads)) - 1.0).square().mean()
    };
    let grads = sam.step(model, x, grads, loss).unwrap();
    opt.update(model, &grads).unwrap();
    last_report().unwrap().clean_loss().unwrap()
}

fn held_out_loss(model: &Model, x: Input) -> f32 {
    let loss: Tensor<Rank0, f32, Cpu> = (model.forward(x) - 1.0).square().mean();
    loss.array()
}

/// All that a later step depends on, as bits.
#[derive(Debug, PartialEq)]
struct Bits {
    model: Vec<Vec<u32>>,
    opt: State,
    method: Option<State>,
    lr: f64,
}

fn bits(model: &Model, opt: &Sgd<Model, f32, Cpu>) -> Bits {
    let tensors = [
        model.0.weight.as_vec(),
        model.0.bias.as_vec(),
        model.1.running_mean.as_vec(),
        model.1.running_var.as_vec(),
        model.4.weight.as_vec(),
        model.4.bias.as_vec(),
    ];
    Bits {
        model: tensors
            .map(|t| t.iter().map(|x| x.to_bits()).collect())
            .into(),
        opt: opt.state().unwrap(),
        method: method_state(model).unwrap(),
        lr: opt.cfg.lr,
    }
}

struct Training {
    dev: Cpu,
    model: Model,
    opt: Sgd<Model, f32, Cpu>,
    batches: Vec<Input>,
}

/// Some steps into a training.
fn training() -> Training {
    let dev = Cpu::seed_from_u64(5);
    let mut model = dev.build_module::<Net, f32>();
    let momentum = Some(Momentum::Classic(0.9));
    let mut opt = Sgd::new(
        &model,
        SgdConfig {
            lr: 0.01,
            momentum,
            weight_decay: None,
        },
    );
    let batches: Vec<Input> = (0..8).map(|_| dev.sample_normal()).collect();
    for x in &batches[..4] {
        step(&mut model, &mut opt, x.clone(), 0.05);
    }
    Training {
        dev,
        model,
        opt,
        batches,
    }
}

impl Training {
    /// The bits after three more steps, which draw random numbers.
    fn goes_on(&mut self) -> Bits {
        for x in &self.batches[..3] {
            step(&mut self.model, &mut self.opt, x.clone(), 0.05);
        }
        bits(&self.model, &self.opt)
    }
}

#[test]
fn after_a_sweep_training_goes_on_with_the_same_bits() {
    let mut alone = training();
    let expected = (bits(&alone.model, &alone.opt), alone.goes_on());
    assert_ne!(expected.0, expected.1);
    assert!(expected.0.method.is_some() && !expected.0.opt.tensors.is_empty());

    let mut swept = training();
    let Training {
        model,
        opt,
        batches,
        ..
    } = &mut swept;
    let mut next = batches.iter().cycle();
    let sweep = LrFinder::default()
        .run(model, opt, |model, opt, lr| {
            opt.cfg.lr = lr;
            step(model, opt, next.next().unwrap().clone(), 0.05)
        })
        .unwrap();
    assert!(sweep.values.len() > 50, "{sweep}");
    assert_eq!(bits(model, opt), expected.0);
    let finder = RhoFinder {
        steps: 5,
        ..Default::default()
    };
    let held_out = batches[7].clone();
    let sweep = finder
        .run(
            model,
            opt,
            |model, opt, rho, i| {
                opt.cfg.lr = 0.1;
                step(model, opt, batches[i].clone(), rho);
            },
            |model| held_out_loss(model, held_out.clone()),
        )
        .unwrap();
    assert_eq!(sweep.values.len() + sweep.diverged.len(), 7, "{sweep}");
    assert_eq!(swept.goes_on(), expected.1);
}

#[test]
fn errors_and_panics_put_everything_back_too() {
    let mut swept = training();
    let before = bits(&swept.model, &swept.opt);
    let Training {
        model,
        opt,
        batches,
        ..
    } = &mut swept;
    let mut count = 0;
    let error = LrFinder::default().try_run(model, opt, |model, opt, lr| {
        opt.cfg.lr = lr;
        count += 1;
        match count {
            5 => Err("the disk is full"),
            _ => Ok(step(model, opt, batches[0].clone(), 0.05)),
        }
    });
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("step 4 of the sweep, with learning rate 1.5"),
        "{error}"
    );
    assert!(error.ends_with("failed: the disk is full"), "{error}");
    assert_eq!(bits(model, opt), before);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        LrFinder::default().run(model, opt, |model, opt, lr| -> f64 {
            opt.cfg.lr = lr;
            step(model, opt, batches[0].clone(), 0.05);
            panic!("a fault of the step");
        })
    }));
    assert!(panic.is_err());
    assert_eq!(bits(model, opt), before);
}

#[test]
fn each_radius_starts_from_the_same_weights_and_draws() {
    let Training {
        mut model,
        mut opt,
        batches,
        dev: _dev,
    } = training();
    let finder = RhoFinder {
        rhos: vec![0.05, 0.3, 0.05],
        steps: 6,
    };
    let sweep = finder
        .run(
            &mut model,
            &mut opt,
            |model, opt, rho, i| {
                step(model, opt, batches[i].clone(), rho);
            },
            |model| held_out_loss(model, batches[7].clone()),
        )
        .unwrap();
    assert_eq!(sweep.losses[0].to_bits(), sweep.losses[2].to_bits());
    assert_ne!(sweep.losses[0], sweep.losses[1]);
}

/// A sweep over losses that are given.
fn of_losses(loss: impl Fn(usize) -> f64) -> Sweep {
    let mut model = Cpu::default().build_module::<Linear<6, 1>, f32>();
    let mut i = 0;
    let sweep = LrFinder::default().run(&mut model, &mut (), |_, (), _| {
        i += 1;
        loss(i - 1)
    });
    sweep.unwrap()
}

#[test]
fn values_that_diverge_do_not_poison_the_result() {
    for end in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 100.0] {
        let sweep = of_losses(|i| if i < 80 { 3.0 - 0.02 * i as f64 } else { end });
        assert_eq!((sweep.values.len(), sweep.diverged.len()), (80, 1), "{end}");
        assert!(
            sweep
                .losses
                .iter()
                .chain(&sweep.smoothed)
                .all(|loss| loss.is_finite())
        );
        assert!((1.0..=3.0).contains(&sweep.smoothed[79]), "{end}");
        let suggestion = sweep.suggestion.unwrap();
        assert!(suggestion < sweep.diverged[0] / 9.0, "{end}: {suggestion}");
        assert!(sweep.to_string().contains("diverged"), "{sweep}");
    }
    let at_once = of_losses(|_| f64::NAN);
    assert_eq!((at_once.suggestion, at_once.values.len()), (None, 0));
    assert!(at_once.reason.contains("`from`"), "{at_once}");
    // Neither a level curve nor noise is a fall.
    assert_eq!(of_losses(|_| 2.0).suggestion, None);
    let noise = of_losses(|i| 2.0 + 0.1 * ((i * 7919) % 101) as f64 / 101.0);
    assert_eq!(noise.suggestion, None, "{noise}");
    // One that falls to the end says so.
    let falls = of_losses(|i| 3.0 - 0.01 * i as f64);
    assert!(falls.reason.contains("larger `to`"), "{falls}");

    let mut model = Cpu::default().build_module::<Linear<6, 1>, f32>();
    let mut tried = [f64::NAN, 0.5, 0.3, f64::INFINITY].into_iter();
    let finder = RhoFinder {
        rhos: vec![0.0, 0.02, 0.05, 0.1],
        steps: 1,
    };
    let sweep = finder.run(
        &mut model,
        &mut (),
        |_, (), _, _| {},
        |_| tried.next().unwrap(),
    );
    let sweep = sweep.unwrap();
    assert_eq!(
        (sweep.suggestion, &sweep.values[..]),
        (Some(0.05), &[0.02, 0.05][..])
    );
    assert_eq!(sweep.diverged, [0.0, 0.1]);
    let all = finder
        .run(&mut model, &mut (), |_, (), _, _| {}, |_| f64::NAN)
        .unwrap();
    assert_eq!(all.suggestion, None);
}

#[test]
fn settings_out_of_range_are_told() {
    let mut model = Cpu::default().build_module::<Linear<6, 1>, f32>();
    let mut lr = |finder: LrFinder| match finder.run(&mut model, &mut (), |_, (), _| 1.0) {
        Err(FinderError::Setting { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    let default = LrFinder::default;
    for from in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(lr(LrFinder { from, ..default() }), "from");
    }
    for to in [1e-6, 1e-7, f64::NAN, f64::INFINITY] {
        assert_eq!(lr(LrFinder { to, ..default() }), "to");
    }
    assert_eq!(
        lr(LrFinder {
            steps: 3,
            ..default()
        }),
        "steps"
    );
    assert_eq!(
        lr(LrFinder {
            diverges: f64::NAN,
            ..default()
        }),
        "diverges"
    );
    let mut rho = |rhos: &[f64], steps| {
        let finder = RhoFinder {
            rhos: rhos.into(),
            steps,
        };
        match finder.run(&mut model, &mut (), |_, (), _, _| {}, |_| 1.0) {
            Err(FinderError::Setting { name, problem }) => format!("{name} {problem}"),
            other => panic!("{other:?}"),
        }
    };
    assert!(rho(&[], 5).starts_with("rhos is empty"));
    assert!(rho(&[0.1, -0.5], 5).starts_with("rhos has -0.5"));
    assert!(rho(&[0.1], 0).starts_with("steps is 0"));
}
