//! The networks that shake, in a step: both passes draw the same factors, evaluation draws none, and the true gradient
//! is that of the loss.

use dfdx::{optim::*, prelude::*, tensor::CpuError};
use sam_runtime::{
    Sam, StepError,
    device::rng_state,
    nn::{PyramidNet, ShakeGradient, ShakeShake, modules},
};
use sam_tests::{bits, gradient, noise, one_hot, parameters, set_parameters, sgd, state, tensor};

const B: usize = 6;
const CLASSES: usize = 3;

type Pyramid = modules::PyramidNet<8, 6, CLASSES, false, f64, Cpu>;
type Bottlenecks = modules::PyramidNet<11, 6, CLASSES, true, f64, Cpu>;
type Shake = modules::ShakeShake<8, 4, CLASSES, f64, Cpu>;
type Logits<T = NoneTape> = Tensor<(usize, Const<CLASSES>), f64, Cpu, T>;
type X = Tensor<(usize, Const<3>, usize, usize), f64, Cpu>;
type Y = Tensor<(usize, Const<CLASSES>), f64, Cpu>;

/// A network under test.
trait Shaking:
    TensorCollection<f64, Cpu>
    + Clone
    + Module<X, Output = Logits, Error = CpuError>
    + ModuleMut<
        Tensor<(usize, Const<3>, usize, usize), f64, Cpu, OwnedTape<f64, Cpu>>,
        Output = Logits<OwnedTape<f64, Cpu>>,
        Error = CpuError,
    >
{
    fn on(dev: &Cpu) -> Self;
    fn gradient(&mut self) -> &mut ShakeGradient;
}

macro_rules! shaking {
    ($($built:ty: $net:ty),*) => {$(
        impl Shaking for $built {
            fn on(dev: &Cpu) -> Self {
                dev.build_module::<$net, f64>()
            }

            fn gradient(&mut self) -> &mut ShakeGradient {
                &mut self.gradient
            }
        }
    )*};
}

shaking! {
    Pyramid: PyramidNet<8, 6, CLASSES>,
    Bottlenecks: PyramidNet<11, 6, CLASSES, true>,
    Shake: ShakeShake<8, 4, CLASSES>
}

fn batch(dev: &Cpu) -> (X, Y) {
    let x: Tensor<Rank4<B, 3, 8, 8>, f64, Cpu> = tensor(dev, &noise(B * 3 * 64, 1));
    let y: Tensor<Rank2<B, CLASSES>, f64, Cpu> = tensor(dev, &one_hot(B, CLASSES));
    (x.realize(), y.realize())
}

type Loss = Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>>;

fn loss<N: Shaking>(net: &mut N, (x, y): (X, Y), grads: Gradients<f64, Cpu>) -> Loss {
    let logits = net.forward_mut(x.traced(grads));
    cross_entropy_with_logits_loss(logits, y)
}

/// At rho = 0 there is no second pass; at this one it runs at weights that are the same to the last bit, or a zero that
/// isn't felt.
const UNFELT: f64 = 1e-200;

fn both_passes_draw_the_same<N: Shaking>() {
    for shake in [ShakeGradient::Drawn, ShakeGradient::True] {
        let (dev, again) = (Cpu::seed_from_u64(5), Cpu::seed_from_u64(5));
        let (mut net, mut plain) = (N::on(&dev), N::on(&again));
        assert_eq!(state(&net), state(&plain));
        (*net.gradient(), *plain.gradient()) = (shake, shake);
        // Every step draws anew.
        let mut losses = Vec::new();
        for _ in 0..3 {
            let grads = net.alloc_grads();
            let found = Sam::new(UNFELT).step(&mut net, batch(&dev), grads, |net, batch, grads| {
                let loss = loss(net, batch, grads);
                losses.push(loss.array());
                loss
            });
            let grads = plain.alloc_grads();
            let expected = loss(&mut plain, batch(&again), grads).backward();
            let found = bits(gradient(&net, &found.unwrap()));
            assert_eq!(found, bits(gradient(&plain, &expected)));
            // Both generators are where a plain step leaves them.
            assert_eq!(rng_state(&dev), rng_state(&again));
            assert_eq!(state(&net), state(&plain));
        }
        let [first, rest @ ..] = losses.as_chunks::<2>().0 else {
            panic!("no step has run");
        };
        assert_eq!(rest.len(), 2, "two passes each");
        for [clean, perturbed] in rest.iter().chain([first]) {
            assert_eq!(clean.to_bits(), perturbed.to_bits());
        }
        assert!(rest.iter().all(|losses| losses != first), "nothing shakes");
    }
}

#[test]
fn both_passes_draw_the_same_factors() {
    both_passes_draw_the_same::<Pyramid>();
    both_passes_draw_the_same::<Bottlenecks>();
    both_passes_draw_the_same::<Shake>();
}

fn chunks_draw_the_same<N: Shaking>() {
    let dev = Cpu::seed_from_u64(5);
    let mut net = N::on(&dev);
    let grads = net.alloc_grads();
    let mut losses = Vec::new();
    let sam = Sam::new(UNFELT).chunked::<2>();
    sam.step(&mut net, batch(&dev), grads, |net, batch, grads| {
        let loss = loss(net, batch, grads);
        losses.push(loss.array());
        loss
    })
    .unwrap();
    let passes = losses.as_chunks::<2>().0;
    assert_eq!(passes.len(), B / 2);
    assert!(passes.iter().all(|[clean, perturbed]| clean == perturbed));
}

#[test]
fn both_passes_of_a_chunk_draw_the_same_factors() {
    chunks_draw_the_same::<Pyramid>();
    chunks_draw_the_same::<Shake>();
}

fn evaluation_draws_nothing<N: Shaking>() {
    let dev = Cpu::seed_from_u64(8);
    let net = N::on(&dev);
    let (x, _) = batch(&dev);
    let before = (rng_state(&dev), state(&net));
    let first = net.forward(x.clone()).as_vec();
    assert_eq!(net.forward(x).as_vec(), first);
    assert_eq!((rng_state(&dev), state(&net)), before);
    assert!(first.iter().all(|x| x.is_finite()));
}

#[test]
fn evaluation_draws_no_factors() {
    evaluation_draws_nothing::<Pyramid>();
    evaluation_draws_nothing::<Bottlenecks>();
    evaluation_draws_nothing::<Shake>();
}

/// By how much the loss grows along a direction, with the factors of this seed: by the gradient, and by differences.
fn slopes<N: Shaking>(shake: ShakeGradient) -> [f64; 2] {
    let mut net = N::on(&Cpu::seed_from_u64(3));
    *net.gradient() = shake;
    let at = parameters(&net);
    let along = noise(at.len(), 9);
    let run = |step: f64| {
        let (dev, mut net) = (Cpu::seed_from_u64(4), net.clone());
        let moved: Vec<f64> = at.iter().zip(&along).map(|(w, d)| w + step * d).collect();
        set_parameters(&mut net, &moved);
        let grads = net.alloc_grads();
        let loss = loss(&mut net, batch(&dev), grads);
        (loss.array(), gradient(&net, &loss.backward()))
    };
    const STEP: f64 = 1e-7;
    let difference = (run(STEP).0 - run(-STEP).0) / (2.0 * STEP);
    let gradient = run(0.0).1;
    let product = gradient.iter().zip(&along).map(|(g, d)| g * d).sum();
    [product, difference]
}

fn true_gradient_is_the_losses<N: Shaking>() {
    let [gradient, difference] = slopes::<N>(ShakeGradient::True);
    let off = (gradient - difference).abs();
    assert!(off < 1e-5 * difference.abs(), "{gradient}, {difference}");
    let [drawn, difference] = slopes::<N>(ShakeGradient::Drawn);
    let off = (drawn - difference).abs();
    assert!(off > 1e-3 * difference.abs(), "{drawn}, {difference}");
}

#[test]
fn the_true_gradient_is_that_of_the_loss() {
    true_gradient_is_the_losses::<Pyramid>();
    true_gradient_is_the_losses::<Bottlenecks>();
    true_gradient_is_the_losses::<Shake>();
}

/// The loss of the first and of the last steps on one batch, under SAM.
fn trained<N: Shaking>(steps: usize) -> Result<[f64; 2], StepError> {
    let dev = Cpu::seed_from_u64(1);
    let mut net = N::on(&dev);
    let mut opt = sgd(&net, 0.05);
    let mut losses = Vec::new();
    for _ in 0..steps {
        let grads = net.alloc_grads();
        // As SAM's authors: the true gradient says where to climb.
        let mut passes = [ShakeGradient::True, ShakeGradient::Drawn].into_iter();
        let grads = Sam::new(0.05).step(&mut net, batch(&dev), grads, |net, batch, grads| {
            *net.gradient() = passes.next().unwrap_or_default();
            let loss = loss(net, batch, grads);
            losses.push(loss.array());
            loss
        })?;
        opt.update(&mut net, &grads).unwrap();
    }
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let some = losses.len() / 4;
    Ok([mean(&losses[..some]), mean(&losses[3 * some..])])
}

#[test]
fn the_loss_falls() {
    for [first, last] in [trained::<Pyramid>(24), trained::<Shake>(24)].map(Result::unwrap) {
        assert!(last < 0.7 * first, "from {first} to {last}");
    }
}
