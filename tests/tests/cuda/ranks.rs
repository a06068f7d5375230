//! Ranks that speak by NCCL train as one process does. On the emulator they are threads that share its device; on a
//! machine with GPUs, each has one of its own.

use std::{
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    time::Duration,
};

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{
    Sam, StepError,
    distributed::{
        Averaged, NcclRank, RankError, Rendezvous, ThreadRank, Threads, World, WorldError, agree,
        check, sum, sync_buffers, sync_model,
    },
};

use crate::{
    read_back::counts,
    world::{assert_same, sgd, start, state},
};

type Net = (
    Linear<5, 16>,
    BatchNorm1D<16>,
    Tanh,
    (Linear<16, 3>, DropoutOneIn<4>),
);
type Built = <Net as BuildOnDevice<Cuda, f64>>::Built;

/// Samples of a step, over all ranks.
const BATCH: usize = 12;
const STEPS: u64 = 4;

/// Runs `rank` on threads that speak by NCCL; `None` where there are too few GPUs.
fn ranks<T: Send>(
    size: usize,
    rank: impl Fn(ThreadRank, NcclRank, Cuda) -> Result<T, WorldError> + Sync,
) -> Option<Result<Vec<T>, RankError<WorldError>>> {
    let is_emulated = counts().is_some();
    if !is_emulated {
        let list = Command::new("nvidia-smi").arg("-L").output();
        let count = list.map_or(0, |list| {
            list.stdout.iter().filter(|c| **c == b'\n').count()
        });
        if count < size {
            eprintln!("{count} GPUs are too few for {size} ranks: nothing is tested");
            return None;
        }
    }
    Some(Threads::run(size, |threads| {
        let number = if is_emulated { 0 } else { threads.rank() };
        let dev = Cuda::try_build(number, 0).expect("a GPU");
        let world = NcclRank::new(&threads, &dev)?;
        rank(threads, world, dev)
    }))
}

fn numbers(step: u64) -> Vec<f64> {
    sam_tests::noise(BATCH * 5, step + 1)
}

/// One process, with a perturbation for every `M` samples.
fn alone<const M: usize>() -> Vec<f64> {
    let dev = Cuda::seed_from_u64(0);
    let mut model = dev.build_module::<Net, f64>();
    start(&mut model);
    let mut opt = sgd::<_, Cuda>(&model);
    let sam = Sam::new(0.1).chunked::<M>();
    for step in 0..STEPS {
        let x: Tensor<Rank2<BATCH, 5>, f64, _> = dev.tensor(numbers(step));
        let grads = model.alloc_grads();
        let grads = sam.step(&mut model, x, grads, |model, x, grads| {
            model.forward_mut(x.traced(grads)).square().mean()
        });
        opt.update(&mut model, &grads.unwrap()).unwrap();
    }
    state(&model)
}

/// One of the ranks with `M` samples each.
fn trained<const M: usize>(world: &NcclRank, dev: &Cuda) -> Result<Vec<f64>, WorldError> {
    let mut model = dev.build_module::<Net, f64>();
    if world.rank() == 0 {
        start(&mut model);
    }
    sync_model(world, &mut model)?;
    let mut opt = Averaged::new(sgd::<_, Cuda>(&model), world.clone());
    for step in 0..STEPS {
        let mine = &numbers(step)[world.rank() * M * 5..][..M * 5];
        let x: Tensor<Rank2<M, 5>, f64, _> = dev.tensor(mine.to_vec());
        let grads = model.alloc_grads();
        let grads = Sam::new(0.1).step(&mut model, x, grads, |model, x, grads| {
            model.forward_mut(x.traced(grads)).square().mean()
        });
        opt.update(&mut model, &grads.unwrap()).unwrap();
        check(world, &model)?;
    }
    sync_buffers(world, &mut model)?;
    Ok(state(&model))
}

fn compare<const M: usize>() {
    let expected = alone::<M>();
    let Some(found) = ranks(BATCH / M, |_, world, dev| trained::<M>(&world, &dev)) else {
        return;
    };
    for found in found.unwrap() {
        assert_same(&found, &expected, 1e-12);
    }
}

#[test]
fn ranks_have_the_weights_of_one_process_with_as_many_chunks() {
    compare::<12>();
    compare::<6>();
    compare::<4>();
}

#[test]
fn ranks_meet_by_tcp() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let place = Rendezvous {
        rank: 0,
        size: 2,
        local_rank: 0,
        host: "127.0.0.1".to_owned(),
        port: port.unwrap().port(),
        timeout: Duration::from_secs(60),
    };
    let found = ranks(2, |threads, _, dev| {
        let rank = threads.rank();
        let world = NcclRank::meet(
            &Rendezvous {
                rank,
                ..place.clone()
            },
            &dev,
        )?;
        // All three ways in which bytes go.
        let mut numbers = [rank as f64, 1.0, 2.0];
        sum(&world, &mut numbers)?;
        let mut said = [rank as u8; 3];
        world.broadcast(&mut said)?;
        Ok((numbers, said, agree(&world, rank == 1)?, world.size()))
    });
    if let Some(found) = found {
        assert_eq!(found.unwrap(), [([1.0, 2.0, 4.0], [0; 3], true, 2); 2]);
    }
}

type Two = (Linear<2, 2>, Linear<2, 1>);

/// A gradient of the first layer, and of the second one where it is asked for.
fn gradients(
    model: &<Two as BuildOnDevice<Cuda, f32>>::Built,
    dev: &Cuda,
    both: bool,
) -> Gradients<f32, Cuda> {
    let x: Tensor<Rank2<4, 2>, f32, _> = dev.ones();
    let x = model.0.forward(x.leaky_trace());
    match both {
        true => model.1.forward(x).mean().backward(),
        false => x.mean().backward(),
    }
}

#[test]
fn a_gradient_that_one_rank_has_is_that_of_all() {
    for has in [[false, true], [false, false]] {
        let found = ranks(2, |_, world, dev| {
            let model = dev.build_module::<Two, f32>();
            let opt = Averaged::new(Sgd::new(&model, SgdConfig::default()), world.clone());
            let mut own = gradients(&model, &dev, has[world.rank()]);
            let mut mean = opt.average(&model, &own)?;
            // A copy of what the optimizer would be handed.
            let mut sgd = opt.into_inner();
            let updated = sgd.update(&mut model.clone(), &mean).is_ok();
            let bias = &model.1.bias;
            let [own, mean] = [&mut own, &mut mean].map(|gradients| {
                gradients.get_or_alloc_mut(bias).unwrap();
                gradients.get(bias).as_vec()[0]
            });
            Ok((updated, own, mean))
        });
        let Some(found) = found else { return };
        let found = found.unwrap();
        match has {
            [_, true] => assert_eq!(found, [(true, 0.0, 0.5), (true, 1.0, 0.5)]),
            _ => assert_eq!(found, [(false, 0.0, 0.0); 2]),
        }
    }
}

#[test]
fn a_nan_on_one_rank_is_that_of_all() {
    let found = ranks(3, |_, world, dev| {
        let mut model = dev.build_module::<Linear<5, 3>, f64>();
        sync_model(&world, &mut model)?;
        let value = if world.rank() == 1 { f64::NAN } else { 1.0 };
        let x: Tensor<Rank2<4, 5>, f64, _> = dev.tensor(vec![value; 20]);
        let grads = model.alloc_grads();
        let step = Sam::new(0.1).step(&mut model, x, grads, |model, x, grads| {
            model.forward_mut(x.traced(grads)).square().mean()
        });
        Ok(matches!(step, Err(StepError::NonFinite { .. })))
    });
    if let Some(found) = found {
        assert_eq!(found.unwrap(), [true; 3]);
    }
}

/// Only the emulator can tell.
#[test]
fn a_mean_reads_nothing_back() {
    if counts().is_none() {
        return;
    }
    let found = ranks(2, |threads, world, dev| {
        let model: Built = dev.build_module::<Net, f64>();
        let mut grads = model.alloc_grads();
        let opt = Averaged::new(sgd::<_, Cuda>(&model), world.clone());
        let mut seen = Vec::new();
        for i in 0..3 {
            // So that nobody reads anything while somebody counts.
            agree(&threads, false)?;
            seen.push(counts().expect("the emulator's"));
            agree(&threads, false)?;
            if i < 2 {
                grads = opt.average(&model, &grads)?;
            }
        }
        Ok(seen)
    });
    for seen in found.expect("an emulator").unwrap() {
        for what in ["/device_to_host/calls", "/synchronizations"] {
            let count = |i: usize| seen[i].pointer(what).and_then(|n| n.as_u64());
            let (from, to) = (count(1).expect(what), count(2).expect(what));
            assert_eq!(to - from, 0, "{what} in a mean");
        }
        let calls = |i: usize| seen[i].pointer("/nccl/ncclAllReduce/calls")?.as_u64();
        // Six parameters, and which of them have gradients, on two ranks.
        assert_eq!(calls(2).unwrap() - calls(1).unwrap(), 14);
    }
}

/// On GPUs, who waits for such a rank waits until the launcher ends it.
#[test]
fn a_rank_that_panics_ends_those_that_wait_for_it() {
    if counts().is_none() {
        return;
    }
    let found = ranks(2, |_, world, _| {
        if world.rank() == 0 {
            return Ok(agree(&world, false).is_err());
        }
        let panics = AssertUnwindSafe(move || {
            let _dropped_by_it = world;
            panic!("a panic that this test wants")
        });
        Ok(catch_unwind(panics).is_err())
    });
    assert_eq!(found.expect("an emulator").unwrap(), [true; 2]);
}
