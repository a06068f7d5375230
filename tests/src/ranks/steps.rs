//! A few steps on ranks have the bits of one process with as many chunks.

use dfdx::{
    optim::{Momentum, Optimizer, SgdConfig, WeightDecay},
    prelude::*,
};
use sam_runtime::{
    distributed::{Averaged, average, check, sync_buffers, sync_model},
    optim::{SaveState, Sgd},
    prelude::*,
};

use super::{Failure, Ranks};
use crate::{buffers, parameters, set_parameters};

/// Samples of a batch, over all ranks.
pub const BATCH: usize = 24;
const STEPS: usize = 8;

/// The numbers of a batch, a function of the step.
fn inputs(step: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 37 + step * 101) % 97) as f32 / 48.5 - 1.0;
    (0..BATCH * 4).map(number).collect()
}

/// The part of a rank with `M` samples.
fn mine<const M: usize>(dev: &Cpu, step: usize, rank: usize) -> Tensor<Rank2<M, 4>, f32, Cpu> {
    dev.tensor(inputs(step)[rank * M * 4..][..M * 4].to_vec())
}

fn config() -> SgdConfig {
    SgdConfig {
        lr: 0.1,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: Some(WeightDecay::L2(1e-3)),
    }
}

fn is_near(a: &[f64], b: &[f64]) -> bool {
    let mut pairs = a.iter().zip(b);
    a.len() == b.len() && pairs.all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + b.abs()))
}

/// A network, trained by ranks in every way that there is, and in one process.
macro_rules! trained_alike {
    ($name:ident, $net:ty) => {
        mod $name {
            use super::*;

            type Net = Built<$net>;
            type Plain = Sgd<Net, f32, Cpu>;

            #[sam_train(rho = 0.05, m = M)]
            fn in_chunks<const M: usize>(
                model: &mut Net,
                opt: &mut Plain,
                x: Tensor<Rank2<BATCH, 4>, f32, Cpu>,
            ) {
                let loss = model
                    .forward_mut(x.traced(model.alloc_grads()))
                    .square()
                    .mean();
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }

            #[sam_train(rho = 0.05)]
            fn by_attribute<const M: usize, W: Ranks>(
                model: &mut Net,
                opt: &mut Averaged<Plain, W>,
                x: Tensor<Rank2<M, 4>, f32, Cpu>,
            ) {
                let loss = model
                    .forward_mut(x.traced(model.alloc_grads()))
                    .square()
                    .mean();
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }

            fn by_hand<const M: usize, W: Ranks>(
                world: &W,
                model: &mut Net,
                opt: &mut Plain,
                x: Tensor<Rank2<M, 4>, f32, Cpu>,
            ) -> Result<(), Failure> {
                let grads = model.alloc_grads();
                let mut grads = Sam::new(0.05).step(model, x, grads, |model, x, grads| {
                    model.forward_mut(x.traced(grads)).square().mean()
                })?;
                average(world, model, &mut grads)?;
                opt.update(model, &grads)?;
                Ok(())
            }

            /// One process: the model, and the optimizer's state.
            fn alone<const M: usize>() -> Result<(Net, Vec<u8>), Failure> {
                let dev = Cpu::seed_from_u64(0);
                let mut model = dev.build_module::<$net, f32>();
                let mut opt = Sgd::new(&model, config());
                for step in 0..STEPS {
                    in_chunks::<M>(&mut model, &mut opt, dev.tensor(inputs(step)));
                }
                let state = bytes(&opt)?;
                Ok((model, state))
            }

            fn bytes(opt: &Plain) -> Result<Vec<u8>, Failure> {
                let tensors = opt.state()?.tensors;
                Ok(tensors
                    .into_values()
                    .flat_map(|tensor| tensor.bytes)
                    .collect())
            }

            /// Ranks of `M` samples each end with the bits of one process.
            pub(super) fn compare<const M: usize, W: Ranks>(world: &W) -> Result<(), Failure> {
                let (expected, state) = alone::<M>()?;
                for by_attribute_alone in [false, true] {
                    let dev = Cpu::seed_from_u64(0);
                    let mut model = dev.build_module::<$net, f32>();
                    if world.rank() > 0 {
                        // Until rank 0 has said its own.
                        let len = parameters(&model).len();
                        set_parameters(&mut model, &vec![1.0; len]);
                    }
                    sync_model(world, &mut model)?;
                    let mut opt = Averaged::new(Sgd::new(&model, config()), world.clone());
                    for step in 0..STEPS {
                        let x = mine::<M>(&dev, step, world.rank());
                        match by_attribute_alone {
                            true => by_attribute(&mut model, &mut opt, x),
                            false => by_hand(world, &mut model, &mut opt, x)?,
                        }
                        check(world, &model)?;
                    }
                    let what = format!(
                        "{}, rank {} of {}, by attribute: {by_attribute_alone}",
                        stringify!($name),
                        world.rank(),
                        world.size()
                    );
                    assert!(parameters(&model) == parameters(&expected), "{what}");
                    assert!(bytes(&opt)? == state, "{what}: the optimizer's state");
                    sync_buffers(world, &mut model)?;
                    assert!(is_near(&buffers(&model), &buffers(&expected)), "{what}");
                }
                Ok(())
            }
        }
    };
}

trained_alike!(mlp, (Linear<4, 8>, ReLU, Linear<8, 3>));
trained_alike!(dropout, (Linear<4, 8>, ReLU, DropoutOneIn<2>, Linear<8, 3>));
trained_alike!(
    batch_norm,
    (Linear<4, 8>, BatchNorm1D<8>, ReLU, Linear<8, 3>)
);

/// All networks, on as many ranks as there are.
///
/// # Errors
/// That of a step, or where there are other numbers of ranks than 1, 2, 3 and 4.
///
/// # Panics
/// If ranks end with other bits than one process.
pub fn compare_all(world: &impl Ranks) -> Result<(), Failure> {
    macro_rules! all {
        ($($m:literal),*) => {
            match BATCH / world.size() {
                $($m => {
                    mlp::compare::<$m, _>(world)?;
                    dropout::compare::<$m, _>(world)?;
                    batch_norm::compare::<$m, _>(world)?;
                })*
                _ => return Err("these tests are for 1 to 4 ranks".into()),
            }
        };
    }
    all!(24, 12, 8, 6);
    Ok(())
}

type Net = Built<(Linear<4, 8>, ReLU, Linear<8, 3>)>;

#[sam_train(rho = 0.05, clip = 0.01)]
fn clipped<const M: usize, W: Ranks>(
    model: &mut Net,
    opt: &mut Averaged<Sgd<Net, f32, Cpu>, W>,
    x: Tensor<Rank2<M, 4>, f32, Cpu>,
) {
    let loss = model
        .forward_mut(x.traced(model.alloc_grads()))
        .square()
        .mean();
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
}

#[sam_train(rho = 0.05, clip = 0.01, m = 12)]
fn clipped_alone(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    x: Tensor<Rank2<BATCH, 4>, f32, Cpu>,
) {
    let loss = model
        .forward_mut(x.traced(model.alloc_grads()))
        .square()
        .mean();
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
}

/// `clip` bounds the mean of two ranks' gradients, as that of two chunks.
///
/// # Errors
/// That of a step.
///
/// # Panics
/// If it bounds something else.
pub fn clip_is_of_the_mean(world: &impl Ranks) -> Result<(), Failure> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 3>), f32>();
    let mut alone = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 3>), f32>();
    set_parameters(&mut alone, &parameters(&model));
    sync_model(world, &mut model)?;
    let mut opt = Averaged::new(Sgd::new(&model, config()), world.clone());
    let mut opt_alone = Sgd::new(&alone, config());
    for step in 0..STEPS {
        clipped(&mut model, &mut opt, mine::<12>(&dev, step, world.rank()));
        clipped_alone(&mut alone, &mut opt_alone, dev.tensor(inputs(step)));
    }
    assert!(parameters(&model) == parameters(&alone));
    Ok(())
}

#[sam_train(rho = 0.05)]
fn fallible<const M: usize, W: Ranks>(
    model: &mut Net,
    opt: &mut Averaged<Sgd<Net, f32, Cpu>, W>,
    x: Tensor<Rank2<M, 4>, f32, Cpu>,
) -> Result<(), Failure> {
    let loss = model
        .forward_mut(x.traced(model.alloc_grads()))
        .square()
        .mean();
    let grads = loss.backward();
    opt.update(model, &grads)?;
    Ok(())
}

#[sam_train(rho = 0.05, nonfinite = "skip")]
fn skipping<const M: usize, W: Ranks>(
    model: &mut Net,
    opt: &mut Averaged<Sgd<Net, f32, Cpu>, W>,
    x: Tensor<Rank2<M, 4>, f32, Cpu>,
) {
    let loss = model
        .forward_mut(x.traced(model.alloc_grads()))
        .square()
        .mean();
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
}

/// A NaN on the last rank ends all at one step, by the same error; or all leave the batch out.
///
/// # Errors
/// That of another step.
///
/// # Panics
/// If they don't.
pub fn nan_is_of_all(world: &impl Ranks) -> Result<(), Failure> {
    const BAD: usize = 3;
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 3>), f32>();
    sync_model(world, &mut model)?;
    let mut opt = Averaged::new(Sgd::new(&model, config()), world.clone());
    let batch = |step: usize| {
        let x = mine::<6>(&dev, step, world.rank());
        match step == BAD && world.rank() == world.size() - 1 {
            true => x * f32::NAN,
            false => x,
        }
    };
    let mut ended = None;
    for step in 0..STEPS {
        let before = parameters(&model);
        if let Err(error) = fallible(&mut model, &mut opt, batch(step)) {
            assert!(parameters(&model) == before);
            ended = Some((step, error.to_string()));
            break;
        }
    }
    let (step, error) = ended.ok_or("nothing ended")?;
    assert_eq!(step, BAD);
    assert!(
        error.starts_with("the clean gradient of this batch is not finite"),
        "{error}"
    );
    check(world, &model)?;
    for step in 0..STEPS {
        skipping(&mut model, &mut opt, batch(step));
        let report = last_report().ok_or("no report")?;
        assert_eq!(report.skipped(), step == BAD, "step {step}");
        check(world, &model)?;
    }
    assert!(parameters(&model).iter().all(|x| x.is_finite()));
    Ok(())
}
