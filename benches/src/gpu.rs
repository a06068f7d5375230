//! Training steps and SAM's own kernels on a GPU: this side of `benches/gpu.sh`, whose other side is
//! `peers/torch_gpu.py`. Prints one line of JSON for each network, and one for the kernels.
#![allow(unsafe_code)]

use std::{cell::Cell, sync::Arc, time::Instant};

use anyhow::{Context, Result, anyhow, bail};
use cudarc::driver::{CudaDevice, result::mem_get_info};
use dfdx::{
    prelude::*,
    tensor::{CudaError, Gradients, Storage, ZerosTensor},
};
use sam_benches::{
    median,
    networks::{BATCH, CLASSES, Cnn, Mlp, Network, Training, batch},
};
use sam_runtime::{
    device::{Buffers, Span, kernels},
    nn::{ResNet20, WideResNet16x4},
    prelude::Norm,
};
use serde_json::json;

/// Rounds of each measurement.
const ROUNDS: usize = 21;
/// Steps of a round.
const STEPS: usize = 10;

/// Times both steps of a network, in turns.
fn measure<N, S>(dev: &Cuda, name: &str, rounds: usize) -> Result<()>
where
    N: BuildOnDevice<Cuda, f32>,
    N::Built: Network<S, BATCH, Cuda>,
    S: ConstShape,
{
    let (x, y) = batch::<S, BATCH, _>(dev);
    let (free, _) = mem_get_info()?;
    let lowest = Cell::new(free);
    let mut base = Training::new(dev.build_module::<N, f32>());
    let mut sam = Training::new(base.model.clone());
    let parameters = base.model.num_trainable_params();
    let time = |step: &mut dyn FnMut()| -> Result<f64> {
        dev.synchronize();
        let start = Instant::now();
        for _ in 0..STEPS {
            step();
        }
        dev.synchronize();
        lowest.set(lowest.get().min(mem_get_info()?.0));
        Ok(start.elapsed().as_secs_f64() * 1e3 / STEPS as f64)
    };
    let (mut base_ms, mut sam_ms) = (Vec::new(), Vec::new());
    // The first round loads kernels.
    for round in 0..=rounds {
        let of_base = time(&mut || base.base(x.clone(), y.clone()))?;
        let of_sam = time(&mut || sam.sam(x.clone(), y.clone()))?;
        if round > 0 {
            base_ms.push(of_base);
            sam_ms.push(of_sam);
        }
    }
    let found = json!({
        "network": name,
        "parameters": parameters,
        "base_ms": median(&mut base_ms),
        "sam_ms": median(&mut sam_ms),
        "memory_mib": (free - lowest.get()) >> 20,
    });
    println!("{found}");
    Ok(())
}

/// The buffers of some tensors' gradients.
struct Owned {
    tensors: Vec<Tensor<(usize,), f32, Cuda>>,
    gradients: Gradients<f32, Cuda>,
}

type Buffer = <Cuda as Storage<f32>>::Vec;

impl Buffers<Buffer, CudaError> for Owned {
    fn for_each(
        &mut self,
        f: &mut dyn FnMut(&mut Buffer) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        for t in &self.tensors {
            f(self.gradients.get_or_alloc_mut(t)?)?;
        }
        Ok(())
    }
}

/// Gigabytes a second of the norm, the perturbation, and of the driver's own copy, on parameters of one
/// size.
fn bandwidth(dev: &Cuda, elements: usize, rounds: usize) -> Result<()> {
    let kernels = kernels::<f32, Cuda>().context("kernels for f32")?;
    let queue = kernels.queue().context("a GPU has a queue")?;
    // As many tensors as a network of some 50 layers has.
    let lengths = vec![elements / 100; 100];
    let mut owned = Owned {
        tensors: lengths.iter().map(|n| dev.zeros_like(&(*n,))).collect(),
        gradients: Gradients::leaky(),
    };
    let mut addresses = Vec::new();
    owned
        .for_each(&mut |g| {
            dev.try_fill_with_distr(g, rand_distr::StandardNormal)?;
            addresses.push((queue.address(g), Storage::<f32>::len(dev, g)));
            Ok(())
        })
        .map_err(|e| anyhow!("{e}"))?;
    let space: Vec<Tensor<(usize,), f32, Cuda>> =
        (0..2).map(|_| dev.zeros_like(&(elements,))).collect();
    let mut more = Gradients::leaky();
    let mut flat = Vec::new();
    for t in &space {
        let buffer = more.get_or_alloc_mut(t).map_err(|e| anyhow!("{e}"))?;
        flat.push(queue.address(buffer));
    }
    let mut at = 0;
    let spans: Vec<Span> = addresses
        .iter()
        .map(|&(g, len)| {
            let here = (at * size_of::<f32>()) as u64;
            at += len;
            // SAFETY: places in buffers that live as long as this function.
            unsafe { Span::new(flat[0] + here, g, flat[1] + here, len) }
        })
        .collect();
    let dual = kernels
        .dual_norm(&mut owned, Norm::L2, None)
        .map_err(|e| anyhow!("{e}"))?;
    let driver: Arc<CudaDevice> = {
        let buffer = more
            .get_or_alloc_mut(&space[0])
            .map_err(|e| anyhow!("{e}"))?;
        buffer.device()
    };
    let from = driver.alloc_zeros::<f32>(elements)?;
    let mut to = driver.alloc_zeros::<f32>(elements)?;
    let bytes = (elements * size_of::<f32>()) as f64;
    let time = |times: f64, run: &mut dyn FnMut() -> Result<()>| -> Result<f64> {
        let mut rates = Vec::new();
        for round in 0..=rounds {
            dev.synchronize();
            let start = Instant::now();
            for _ in 0..STEPS {
                run()?;
            }
            dev.synchronize();
            if round > 0 {
                rates.push(times * bytes * STEPS as f64 / start.elapsed().as_secs_f64() / 1e9);
            }
        }
        Ok(median(&mut rates))
    };
    // Reads and writes.
    let copy = time(2.0, &mut || Ok(driver.dtod_copy(&from, &mut to)?))?;
    let perturb = time(3.0, &mut || {
        let queued = queue.displace(dev, &spans, &dual, 0.05);
        queued.map_err(|e| anyhow!("{e}"))
    })?;
    let norm = time(1.0, &mut || {
        let taken = kernels.dual_norm(&mut owned, Norm::L2, None);
        taken.map(drop).map_err(|e| anyhow!("{e}"))
    })?;
    let found = json!({
        "elements": elements,
        "copy_gb_s": copy,
        "perturbation_gb_s": perturb,
        "norm_gb_s": norm,
        "perturbation_of_copy": perturb / copy,
    });
    println!("{found}");
    Ok(())
}

/// Some steps of a small batch, to count what is launched for one.
fn steps<N, S>(dev: &Cuda, step: &str, count: usize) -> Result<()>
where
    N: BuildOnDevice<Cuda, f32>,
    N::Built: Network<S, 2, Cuda>,
    S: ConstShape,
{
    let (x, y) = batch::<S, 2, _>(dev);
    let mut training = Training::new(dev.build_module::<N, f32>());
    for _ in 0..count {
        match step {
            "base" => training.base(x.clone(), y.clone()),
            "sam" => training.sam(x.clone(), y.clone()),
            _ => bail!("no step is named {step}"),
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let dev = Cuda::try_seed_from_u64(0).map_err(|e| anyhow!("the GPU: {e}"))?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // `quick`: to see that it runs.
    let rounds = match words[..] {
        [] => ROUNDS,
        ["quick"] => 1,
        ["steps", network, step, count] => {
            let count = count.parse().context("a number of steps")?;
            return match network {
                "mlp" => steps::<Mlp, Rank2<2, 784>>(&dev, step, count),
                "cnn" => steps::<Cnn, Rank4<2, 1, 28, 28>>(&dev, step, count),
                "resnet20" => steps::<ResNet20<CLASSES>, Rank4<2, 3, 32, 32>>(&dev, step, count),
                "wrn-16-4" => {
                    steps::<WideResNet16x4<CLASSES>, Rank4<2, 3, 32, 32>>(&dev, step, count)
                }
                _ => bail!("no network is named {network}"),
            };
        }
        _ => bail!("gpu [quick | steps mlp|cnn|resnet20|wrn-16-4 base|sam COUNT]"),
    };
    measure::<Mlp, Rank2<BATCH, 784>>(&dev, "mlp", rounds)?;
    measure::<Cnn, Rank4<BATCH, 1, 28, 28>>(&dev, "cnn", rounds)?;
    measure::<ResNet20<CLASSES>, Rank4<BATCH, 3, 32, 32>>(&dev, "resnet20", rounds)?;
    measure::<WideResNet16x4<CLASSES>, Rank4<BATCH, 3, 32, 32>>(&dev, "wrn-16-4", rounds)?;
    for elements in [270_000, 2_700_000, 100_000_000] {
        bandwidth(&dev, elements, rounds)?;
    }
    Ok(())
}
