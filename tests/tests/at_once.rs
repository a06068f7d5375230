//! The key `parallel`: chunks at once end with the bits of chunks one after the other, on any number of threads.

use dfdx::{optim::*, prelude::*, tensor::OwnedTape};
use rayon::ThreadPoolBuilder;
use sam_runtime::prelude::*;
use sam_tests::*;

const B: usize = 12;
const M: usize = 4;

type Net = (
    Linear<6, 8>,
    BatchNorm1D<8>,
    Tanh,
    DropoutOneIn<4>,
    Linear<8, 3>,
);
type Model = sam_runtime::nn::Built<Net, Cpu, f32>;
type Data = Classes<B, 6, 3, f32>;
type Taped<N, const I: usize> = Tensor<(N, Const<I>), f32, Cpu, OwnedTape<f32, Cpu>>;

const STEPS: u64 = 5;

/// Writes a function twice: with its chunks in turn, and at once.
macro_rules! twice {
    ($($name:ident, $at_once:ident ($($keys:tt)*) $args:tt $(-> $out:ty)? $body:block)*) => {$(
        #[sam_train(rho = { 0.1 }, m = M, $($keys)*)]
        fn $name $args $(-> $out)? $body
        #[sam_train(rho = { 0.1 }, m = M, parallel = true, $($keys)*)]
        fn $at_once $args $(-> $out)? $body
    )*};
}

twice! {
    canonical, canonical_at_once () (model: &mut Model, data: &[Data]) -> Vec<f32> {
        let mut opt = sgd(model, 0.1);
        let mut grads = model.alloc_grads();
        let mut seen = Vec::new();
        for (x, y) in data.iter().cloned() {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            seen.push(loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        seen
    }

    // Draws, observers that draw, a shadowed name, a line whose value is used twice, a running statistic that is read.
    busy, busy_at_once (nonfinite = "skip") (model: &mut Model, data: &[Data]) -> Vec<f32> {
        let mut opt = sgd(model, 0.1);
        let dev = data[0].0.device().clone();
        let weight = dev.tensor([1.0, 0.5, 0.25]);
        let mut seen = Vec::new();
        for (x, y) in data {
            let noise: Tensor<Rank2<B, 6>, f32, Cpu> = dev.sample_normal();
            let x = x.clone() + noise * 0.1;
            let h = model.forward_mut(x.trace(model.alloc_grads()));
            seen.extend(model.1.running_mean.as_vec());
            seen.push(dev.sample_normal::<Rank0>().array());
            let h = h * weight.clone().broadcast();
            let penalty = h.retaped::<NoneTape>().square().mean::<Rank0, _>();
            if penalty.array() > 1e6 {
                continue;
            }
            let loss = cross_entropy_with_logits_loss(h, y.clone());
            let drawn: Tensor<Rank1<2>, f32, Cpu> = loss.device().sample_normal();
            seen.extend(drawn.as_vec());
            seen.push(loss.array());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            seen.push(dev.sample_normal::<Rank0>().array());
        }
        seen
    }

    // The step is left between its lines, at every second batch.
    left, left_at_once () (model: &mut Model, data: &[Data]) -> Vec<f32> {
        let mut opt = sgd(model, 0.1);
        let mut seen = Vec::new();
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            seen.extend(logits.as_vec());
            if i % 2 == 1 {
                continue;
            }
            let loss = mse_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        seen
    }

    elsewhere, elsewhere_at_once (method = msam()) (model: &mut Model, data: &[Data]) -> Vec<f32> {
        let mut opt = sgd(model, 0.1);
        let mut seen = Vec::new();
        for (x, y) in data.iter().cloned() {
            let loss = mse_loss(model.forward_mut(x.traced(model.alloc_grads())), y);
            seen.push(loss.array());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        seen
    }

    drawn, drawn_at_once (method = vasso()) (model: &mut Model, data: &[Data]) -> Vec<f32> {
        let mut opt = sgd(model, 0.1);
        for (x, y) in data.iter().cloned() {
            let grads = mse_loss(model.forward_mut(x.traced(model.alloc_grads())), y).backward();
            opt.update(model, &grads).unwrap();
        }
        Vec::new()
    }

    twice_up, twice_up_at_once (steps = 2, clip = 0.1) (model: &mut Model, data: &[Data]) -> Vec<f32> {
        let mut opt = sgd(model, 0.1);
        for (x, y) in data.iter().cloned() {
            let loss = loss_of(model, x, y);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        Vec::new()
    }
}

/// A function that traces inside.
fn loss_of<N: Dim>(
    model: &mut Model,
    x: Tensor<(N, Const<6>), f32, Cpu>,
    y: Tensor<(N, Const<3>), f32, Cpu>,
) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>
where
    Model: ModuleMut<Taped<N, 6>, Output = Taped<N, 3>>,
{
    let grads = model.alloc_grads();
    mse_loss(model.forward_mut(x.traced(grads)), y)
}

fn start() -> (Model, Vec<Data>) {
    let dev = Cpu::seed_from_u64(2);
    let model = dev.build_module::<Net, f32>();
    (model, (0..STEPS).map(|seed| classes(&dev, seed)).collect())
}

/// What a training leaves: what it returns, the model, the report, and what its device draws next.
fn left_behind(train: fn(&mut Model, &[Data]) -> Vec<f32>) -> (Vec<u32>, Vec<u64>, String, f32) {
    let (mut model, data) = start();
    let seen = train(&mut model, &data);
    let next: Tensor<Rank0, f32, Cpu> = data[0].0.device().sample_normal();
    (
        seen.into_iter().map(f32::to_bits).collect(),
        state(&model),
        format!("{:?}", last_report()),
        next.array(),
    )
}

fn are_same(
    name: &str,
    in_turn: fn(&mut Model, &[Data]) -> Vec<f32>,
    at_once: fn(&mut Model, &[Data]) -> Vec<f32>,
) {
    let expected = left_behind(in_turn);
    for threads in [1, 2, 3, 5] {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let inside = pool.install(|| left_behind(at_once));
        assert!(inside == expected, "{name}, {threads} threads");
    }
    assert!(
        left_behind(at_once) == expected,
        "{name}, from outside of the pool"
    );
}

macro_rules! same {
    ($($name:ident: $at_once:ident,)*) => {$(
        #[test]
        fn $at_once() {
            are_same(stringify!($name), super::$name, super::$at_once);
        }
    )*};
}

mod same {
    use super::are_same;

    same! {
        canonical: canonical_at_once,
        busy: busy_at_once,
        left: left_at_once,
        elsewhere: elsewhere_at_once,
        drawn: drawn_at_once,
        twice_up: twice_up_at_once,
    }
}
