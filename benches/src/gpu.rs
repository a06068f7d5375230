//! Training steps and SAM's own kernels on a GPU: this side of `benches/gpu.sh`, whose other side is
//! `peers/torch_gpu.py`. Prints one line of JSON for each network, and one for the kernels.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::{Context, Result, anyhow, bail};
use cudarc::driver::{CudaDevice, result::mem_get_info};
use dfdx::{
    nn::builders::{Bias2D, Repeated},
    prelude::*,
    tensor::Storage,
};
use sam_benches::{
    median,
    networks::{BATCH, CLASSES, Cnn, Mlp, Network, Training, batch},
};
use sam_runtime::{
    Sam,
    device::{allow_tf32, is_tf32_allowed},
    nn::{ResNet20, WideResNet16x4},
    step::methods::{Algebra, Coefficient, Method, Moment, Next, Perturbation, Vector},
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
        "tf32": is_tf32_allowed(),
        "parameters": parameters,
        "base_ms": median(&mut base_ms),
        "sam_ms": median(&mut sam_ms),
        "memory_mib": (free - lowest.get()) >> 20,
    });
    println!("{found}");
    Ok(())
}

/// Tensors of the measured vectors: as many as a network of some 50 layers has.
const TENSORS: usize = 100;

/// Times the operations on parameter-sized vectors from within a step, where they stand.
#[derive(Debug)]
struct Timed {
    rounds: usize,
    /// Bytes of a vector.
    bytes: f64,
    /// What was found, in gigabytes a second: the norm, the perturbation, a sum.
    found: Arc<Mutex<[f64; 3]>>,
}

thread_local! {
    /// A method may be handed to other threads, and a device may not.
    static DEVICE: RefCell<Option<Cuda>> = const { RefCell::new(None) };
}

fn synchronize() {
    DEVICE.with_borrow(|device| device.as_ref().map(Cuda::synchronize));
}

impl Timed {
    /// Gigabytes a second of `run`, which reads and writes so many vectors.
    fn rate(&self, vectors: f64, mut run: impl FnMut()) -> f64 {
        let mut rates = Vec::new();
        for round in 0..=self.rounds {
            synchronize();
            let start = Instant::now();
            for _ in 0..STEPS {
                run();
            }
            synchronize();
            if round > 0 {
                let bytes = vectors * self.bytes * STEPS as f64;
                rates.push(bytes / start.elapsed().as_secs_f64() / 1e9);
            }
        }
        median(&mut rates)
    }
}

impl Method for Timed {
    fn next(&self, Moment { ball, .. }: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, state) = (Vector::Gradient, Vector::State(0));
        let norm = self.rate(1.0, || drop(algebra.dual_norm(g, ball.norm)));
        let dual = algebra.dual_norm(g, ball.norm);
        let perturbation = self.rate(2.0, || algebra.make_dual(g, &dual, ball.rho));
        let sum = self.rate(3.0, || {
            algebra.combine(Coefficient::ONE, state, 0.5.into(), g);
        });
        if let Ok(mut found) = self.found.lock() {
            *found = [norm, perturbation, sum];
        }
        Next::Last(Perturbation::vector(g))
    }
}

/// Gigabytes a second of the norm, the perturbation, a sum, and of the driver's own copy, on vectors in tensors of
/// `LEN` elements.
fn bandwidth<const LEN: usize>(dev: &Cuda, rounds: usize) -> Result<()> {
    DEVICE.set(Some(dev.clone()));
    let elements = LEN * TENSORS;
    let bytes = (elements * size_of::<f32>()) as f64;
    let mut model = dev.build_module::<Repeated<Bias2D<LEN>, TENSORS>, f32>();
    let found = Arc::default();
    let timed = Timed {
        rounds,
        bytes,
        found: Arc::clone(&found),
    };
    let x: Tensor<Rank3<LEN, 1, 1>, f32, Cuda> = dev.sample_normal();
    let start = model.alloc_grads();
    Sam::new(0.05)
        .method(timed)
        .step(&mut model, x, start, |model, x, grads| {
            model.forward_mut(x.traced(grads)).square().mean()
        })?;
    let driver: Arc<CudaDevice> = Storage::<u8>::try_alloc_len(dev, 0)
        .map_err(|e| anyhow!("{e}"))?
        .device();
    let from = driver.alloc_zeros::<f32>(elements)?;
    let mut to = driver.alloc_zeros::<f32>(elements)?;
    let mut rates = Vec::new();
    for round in 0..=rounds {
        dev.synchronize();
        let start = Instant::now();
        for _ in 0..STEPS {
            driver.dtod_copy(&from, &mut to)?;
        }
        dev.synchronize();
        if round > 0 {
            // Reads and writes.
            rates.push(2.0 * bytes * STEPS as f64 / start.elapsed().as_secs_f64() / 1e9);
        }
    }
    let copy = median(&mut rates);
    let [norm, perturbation, sum] = *found.lock().map_err(|e| anyhow!("{e}"))?;
    let found = json!({
        "elements": elements,
        "copy_gb_s": copy,
        "norm_gb_s": norm,
        "perturbation_gb_s": perturbation,
        "sum_gb_s": sum,
        "perturbation_of_copy": perturbation / copy,
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
    // `tf32`: products in TF32, where the card has it.
    allow_tf32(words.contains(&"tf32"));
    let words: Vec<&str> = words.into_iter().filter(|word| *word != "tf32").collect();
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
        _ => bail!("gpu [tf32] [quick | steps mlp|cnn|resnet20|wrn-16-4 base|sam COUNT]"),
    };
    measure::<Mlp, Rank2<BATCH, 784>>(&dev, "mlp", rounds)?;
    measure::<Cnn, Rank4<BATCH, 1, 28, 28>>(&dev, "cnn", rounds)?;
    measure::<ResNet20<CLASSES>, Rank4<BATCH, 3, 32, 32>>(&dev, "resnet20", rounds)?;
    measure::<WideResNet16x4<CLASSES>, Rank4<BATCH, 3, 32, 32>>(&dev, "wrn-16-4", rounds)?;
    bandwidth::<2_700>(&dev, rounds)?;
    bandwidth::<27_000>(&dev, rounds)?;
    bandwidth::<1_000_000>(&dev, rounds)
}
