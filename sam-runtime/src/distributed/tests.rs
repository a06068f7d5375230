use dfdx::{optim::*, prelude::*, tensor::Gradients};

use super::{
    sync::{read, write},
    *,
};
use crate::{
    Sam,
    doors::walk::{Which, each},
    nn::Built,
};

/// Samples of a batch, over all ranks.
const BATCH: usize = 24;
const STEPS: usize = 10;

/// The numbers of a batch, a function of the step.
fn inputs(step: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 37 + step * 101) % 97) as f32 / 48.5 - 1.0;
    (0..BATCH * 4).map(number).collect()
}

/// A network, trained in one process and by ranks.
macro_rules! trained_alike {
    ($name:ident, $net:ty, $rhos:expr) => {
        mod $name {
            use super::*;

            type Net = Built<$net>;

            fn optimizer(model: &Net) -> Sgd<Net, f32, Cpu> {
                let config = SgdConfig {
                    lr: 0.1,
                    momentum: Some(Momentum::Classic(0.9)),
                    weight_decay: Some(WeightDecay::L2(1e-3)),
                };
                Sgd::new(model, config)
            }

            /// What all tensors hold.
            fn tensors(model: &Net, which: Which) -> Vec<u8> {
                read(model, which).unwrap().bytes().to_vec()
            }

            /// One process, with a perturbation for every `M` samples: parameters and buffers.
            fn alone<const M: usize>(rho: f64) -> [Vec<u8>; 2] {
                let dev = Cpu::seed_from_u64(0);
                let mut model = dev.build_module::<$net, f32>();
                let mut opt = optimizer(&model);
                let sam = Sam::new(rho).chunked::<M>();
                for step in 0..STEPS {
                    let x: Tensor<Rank2<BATCH, 4>, f32, _> = dev.tensor(inputs(step));
                    let grads = model.alloc_grads();
                    let grads = sam
                        .step(&mut model, x, grads, |model, x, grads| {
                            model.forward_mut(x.traced(grads)).square().mean()
                        })
                        .unwrap();
                    opt.update(&mut model, &grads).unwrap();
                }
                [Which::Parameters, Which::Buffers].map(|which| tensors(&model, which))
            }

            /// Ranks, each with `M` samples.
            fn ranks<const M: usize>(rho: f64) -> Vec<[Vec<u8>; 2]> {
                let trained = Threads::run(BATCH / M, |world| {
                    let dev = Cpu::seed_from_u64(0);
                    let mut model = dev.build_module::<$net, f32>();
                    if world.rank() > 0 {
                        // Until rank 0 has said its own.
                        let mut other = read(&model, Which::All)?;
                        other.bytes_mut().fill(1);
                        write(&mut model, Which::All, other)?;
                    }
                    sync_model(&world, &mut model)?;
                    let mut opt = optimizer(&model);
                    let sam = Sam::new(rho);
                    for step in 0..STEPS {
                        let mine = inputs(step)[world.rank() * M * 4..][..M * 4].to_vec();
                        let x: Tensor<Rank2<M, 4>, f32, _> = dev.tensor(mine);
                        let grads = model.alloc_grads();
                        let mut grads = sam
                            .step(&mut model, x, grads, |model, x, grads| {
                                model.forward_mut(x.traced(grads)).square().mean()
                            })
                            .unwrap();
                        average(&world, &model, &mut grads)?;
                        opt.update(&mut model, &grads).unwrap();
                        check(&world, &model)?;
                    }
                    sync_buffers(&world, &mut model)?;
                    Ok::<_, WorldError>(
                        [Which::Parameters, Which::Buffers].map(|which| tensors(&model, which)),
                    )
                });
                trained.unwrap()
            }

            #[test]
            fn ranks_have_the_bits_of_one_process_with_as_many_chunks() {
                fn compare<const M: usize>(rho: f64) {
                    let [expected, buffers] = alone::<M>(rho);
                    for (rank, [found, own]) in ranks::<M>(rho).into_iter().enumerate() {
                        assert_eq!(found, expected, "rank {rank}, m = {M}, rho = {rho}");
                        let [own, buffers] = [&own, &buffers].map(|bytes| {
                            let (numbers, _) = bytes.as_chunks();
                            numbers
                                .iter()
                                .map(|x| f32::from_le_bytes(*x))
                                .collect::<Vec<_>>()
                        });
                        for (own, expected) in own.iter().zip(&buffers) {
                            assert!((own - expected).abs() <= 1e-6 * (1.0 + expected.abs()));
                        }
                    }
                }
                for rho in $rhos {
                    compare::<24>(rho);
                    compare::<12>(rho);
                    compare::<8>(rho);
                    compare::<6>(rho);
                }
            }
        }
    };
}

trained_alike!(mlp, (Linear<4, 8>, ReLU, Linear<8, 3>), [0.0, 0.05]);
trained_alike!(
    with_dropout,
    (Linear<4, 8>, ReLU, DropoutOneIn<2>, Linear<8, 3>),
    [0.05]
);
trained_alike!(
    with_batch_norm,
    (Linear<4, 8>, crate::nn::BatchNorm1D<8>, ReLU, Linear<8, 3>),
    [0.0, 0.05]
);

#[test]
fn ranks_draw_other_masks_and_go_on_alike() {
    for rho in [0.0, 0.05] {
        let found = Threads::run(3, |world| {
            let dev = Cpu::seed_from_u64(1);
            let mut model = dev.build_module::<Linear<1, 1>, f32>();
            sync_model(&world, &mut model)?;
            let mut masks = Vec::new();
            for _ in 0..3 {
                let x: Tensor<Rank2<32, 1>, f32, _> = dev.ones();
                let grads = model.alloc_grads();
                Sam::new(rho)
                    .step(&mut model, x, grads, |model, x, grads| {
                        let x = x.traced(grads).dropout(0.5);
                        masks.push(x.as_vec());
                        model.forward_mut(x).mean()
                    })
                    .unwrap();
            }
            Ok::<_, WorldError>((masks, dev.random_u64()))
        });
        let found = found.unwrap();
        let passes = found[0].0.len() / 3;
        for (rank, (masks, next)) in found.iter().enumerate() {
            // The same in both passes of a step, others in the next one, and on another rank.
            for step in masks.chunks(passes) {
                assert!(step.iter().all(|mask| *mask == step[0]));
            }
            assert_ne!(masks[0], masks[passes]);
            for (other, _) in &found[..rank] {
                assert!(masks.iter().all(|mask| !other.contains(mask)));
            }
            assert_eq!(*next, found[0].1, "rank {rank}, rho = {rho}");
        }
    }
}

#[test]
fn sums_are_in_the_order_of_the_ranks() {
    // Sums of these depend on the order.
    let value = |rank: usize, i: usize| [1e8_f32, 1.0, -1e8, 3.0][rank] * (1.0 + i as f32 / 7.0);
    for size in 1..=4 {
        for len in [0, 1, 3, 4, 17] {
            let expected: Vec<f32> = (0..len)
                .map(|i| (0..size).fold(0.0, |sum, rank| sum + value(rank, i)))
                .collect();
            let found = Threads::run(size, |world| {
                let mut values: Vec<f32> = (0..len).map(|i| value(world.rank(), i)).collect();
                sum(&world, &mut values)?;
                Ok::<_, WorldError>(values)
            });
            assert_eq!(
                found.unwrap(),
                vec![expected; size],
                "{size} ranks, {len} numbers"
            );
        }
    }
}

#[test]
fn one_rank_s_nan_is_that_of_all() {
    fn found<const N: usize>() {
        let found = Threads::run(3, |world| {
            let dev = Cpu::default();
            let w: Tensor<Rank1<N>, f64, _> = dev.zeros();
            let mut grads = Gradients::leaky();
            let value = if world.rank() == 1 { f64::NAN } else { 1.0 };
            grads.get_or_alloc_mut(&w).unwrap()[0] = value;
            let averaged = average(&world, &w, &mut grads);
            let mean = grads.get(&w).as_vec();
            Ok::<_, WorldError>((averaged, mean[0], mean[1]))
        });
        for (averaged, first, second) in found.unwrap() {
            assert_eq!(averaged, Err(WorldError::NonFinite));
            assert!(first.is_nan() && second == 0.0);
        }
    }
    // Summed behind the others, and where it is.
    found::<2>();
    found::<40_000>();
}

#[test]
fn large_and_small_gradients_become_their_means_in_the_order_of_the_ranks() {
    // Sums of these depend on the order.
    let value = |rank: usize, i: usize| [1e4_f32, 1.0, -1e4][rank] * (1.0 + i as f32 / 7.0);
    let weight = 1.0 / 3.0;
    let expected = |i: usize| (0..3).fold(0.0, |sum, rank| sum + value(rank, i) * weight);
    // Such as can't be cut into equal parts are among them.
    let found = Threads::run(3, |world| {
        let dev = Cpu::default();
        type Vector<const N: usize> = Tensor<Rank1<N>, f32, Cpu>;
        let model: (Vector<5>, Vector<32_768>, Vector<40_001>) =
            (dev.zeros(), dev.zeros(), dev.zeros());
        let mut grads = Gradients::leaky();
        each::<f32, Cpu, _>(&model, Which::Parameters, &mut |w| {
            for (i, gradient) in w.gradient(&mut grads)?.iter_mut().enumerate() {
                *gradient = value(world.rank(), i);
            }
            Ok(())
        })
        .unwrap();
        average(&world, &model, &mut grads)?;
        let (a, b, c) = &model;
        Ok::<_, WorldError>([
            grads.get(a).as_vec(),
            grads.get(b).as_vec(),
            grads.get(c).as_vec(),
        ])
    });
    for mean in found.unwrap().iter().flatten() {
        let mut values = mean.iter().enumerate();
        assert!(values.all(|(i, mean)| *mean == expected(i)));
    }
}

#[test]
fn only_what_no_rank_has_a_gradient_of_is_unused() {
    for who in [None, Some(1)] {
        let found = Threads::run(2, |world| {
            let dev = Cpu::default();
            let mut model = dev.build_module::<(Linear<2, 2>, Linear<2, 2>), f32>();
            sync_model(&world, &mut model)?;
            let config = SgdConfig {
                weight_decay: Some(WeightDecay::L2(0.1)),
                ..Default::default()
            };
            let before = model.1.weight.as_vec();
            let mut opt = Averaged::new(Sgd::new(&model, config), world.clone());
            // The second layer only on one of the ranks, if at all.
            let x: Tensor<Rank1<2>, f32, _> = dev.ones();
            let hidden = model.0.forward(x.leaky_trace());
            let grads = match who == Some(world.rank()) {
                true => model.1.forward(hidden).mean().backward(),
                false => hidden.mean().backward(),
            };
            let unused = opt.update(&mut model, &grads).is_err();
            check(&world, &model)?;
            Ok::<_, WorldError>((unused, model.1.weight.as_vec() == before))
        });
        let is_unused = who.is_none();
        assert_eq!(found.unwrap(), [(is_unused, is_unused); 2]);
    }
}

#[test]
fn flags_are_agreed_on() {
    for who in 0..4 {
        let found = Threads::run(3, |world| agree(&world, world.rank() == who));
        assert_eq!(found.unwrap(), [who < 3; 3]);
    }
}

#[test]
fn buffers_become_their_mean() {
    let found = Threads::run(2, |world| {
        let dev = Cpu::default();
        let mut norm = dev.build_module::<crate::nn::BatchNorm2D<2>, f32>();
        norm.running_mean = dev.tensor([world.rank() as f32, 4.0]);
        sync_buffers(&world, &mut norm)?;
        Ok::<_, WorldError>(norm.running_mean.array())
    });
    assert_eq!(found.unwrap(), [[0.5, 4.0]; 2]);
}

#[test]
fn weights_that_differ_are_found_on_all_ranks() {
    for odd in 1..3 {
        let found = Threads::run(3, |world| {
            let mut w: Tensor<Rank1<3>, f32, _> = Cpu::default().zeros();
            if world.rank() == odd {
                // The smallest change that there is.
                w = w + f32::from_bits(1);
            }
            Ok::<_, WorldError>(check(&world, &w))
        });
        assert_eq!(
            found.unwrap(),
            vec![Err(WorldError::Drift { rank: odd }); 3]
        );
    }
}

#[test]
fn a_rank_that_ends_ends_those_that_wait_for_it() {
    let failed = Threads::run(3, |world| {
        for step in 0..5 {
            if (world.rank(), step) == (1, 3) {
                return Err("out of data".to_owned());
            }
            agree(&world, false).map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    assert_eq!(failed.unwrap_err().to_string(), "rank 1 of 3: out of data");

    let ended = Threads::run(2, |world| {
        let steps = 3 - world.rank();
        (0..steps).try_for_each(|_| agree(&world, false).map(drop))
    });
    let ended = ended.unwrap_err();
    assert_eq!(
        (ended.rank, ended.error),
        (0, Some(WorldError::Ended { rank: 1 }))
    );
}

#[test]
fn a_rank_that_panics_ends_those_that_wait_for_it() {
    let failed = Threads::run(2, |world| {
        assert!(world.rank() == 0, "a panic that this test wants");
        agree(&world, false)
    });
    assert_eq!(failed.unwrap_err().to_string(), "rank 1 of 2 has panicked");
}

#[test]
fn ranks_that_say_different_things_are_told() {
    let found = Threads::run(2, |world| {
        let mut values = vec![0.0_f64; 4 + world.rank()];
        Ok::<_, WorldError>(sum(&world, &mut values).is_err())
    });
    assert_eq!(found.unwrap(), [true, true]);
}
