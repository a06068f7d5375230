//! The same numbers as on the host.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    Norm, Sam, nn,
    prelude::*,
    step::{
        On, When, last_report,
        methods::{
            AnyMethod, Asam, Esam, Fsam, Gsam, LookSam, LpSam, Msam, Sampa, Stable, Usam, Vasso,
            Wsam,
        },
    },
};

use crate::world::*;

type Mlp = (Linear<5, 16>, BatchNorm1D<16>, ReLU, Linear<16, CLASSES>);
type Flat = Rank2<ROWS, 5>;

/// Convolutions with and without their normalization, a shortcut, both pools, a grouped one.
type Cnn = (
    (
        nn::Conv2DBatchNormReLU<2, 8, 3, 1, 1>,
        nn::MaxPool2D<2, 2>,
        nn::Conv2D<8, 8, 3, 2, 1, 1, 2>,
    ),
    (nn::BatchNorm2D<8>, ReLU, nn::AvgPool2D<2, 1>),
    (nn::Flatten2D, nn::Linear<32, CLASSES>),
);
type Images = Rank4<ROWS, 2, 12, 12>;

fn same<S, N>(sam: Sam)
where
    S: ConstShape,
    N: BuildOnDevice<Cpu, f64> + BuildOnDevice<Cuda, f64>,
    <N as BuildOnDevice<Cpu, f64>>::Built: Network<S, Cpu>,
    <N as BuildOnDevice<Cuda, f64>>::Built: Network<S, Cuda>,
{
    let found = trained::<S, Cuda, N>(&Cuda::default(), sam.clone(), 4);
    let expected = trained::<S, Cpu, N>(&Cpu::default(), sam, 4);
    assert_same(&found, &expected, 1e-10);
}

#[test]
fn the_base_optimizer() {
    same::<Flat, Mlp>(Sam::new(0.0));
}

#[test]
fn steps_in_every_norm() {
    for norm in ["l1", "l1.5", "l2", "l3", "linf"] {
        let norm: Norm = norm.parse().unwrap();
        same::<Flat, Mlp>(Sam::new(0.2).norm(norm));
    }
}

#[test]
fn steps_with_bounds() {
    same::<Flat, Mlp>(Sam::new(0.2).clip(0.05));
    same::<Flat, Mlp>(Sam::new(0.2).clip_value(0.01));
    same::<Flat, Mlp>(Sam::new(0.2).clip_value(0.02).clip(0.05));
}

fn every_method() -> Vec<AnyMethod> {
    let two_steps = LpSam {
        steps: 2,
        second_order: false,
    };
    vec![
        AnyMethod::Sam(two_steps),
        AnyMethod::Asam(Asam::default()),
        AnyMethod::Usam(Usam),
        AnyMethod::Gsam(Gsam::default()),
        AnyMethod::Wsam(Wsam::default()),
        AnyMethod::Stable(Stable),
        AnyMethod::Fsam(Fsam::default()),
        AnyMethod::Vasso(Vasso::default()),
        AnyMethod::Esam(Esam::default()),
        AnyMethod::LookSam(LookSam { k: 2, alpha: 0.7 }),
        AnyMethod::Msam(Msam::default()),
        AnyMethod::Sampa(Sampa::default()),
    ]
}

#[test]
fn steps_of_every_method() {
    // Before a batch normalisation the gradient of a bias is nothing but rounding, whose sign or root is not the same
    // everywhere, and MSAM's first pass shows it to the running mean.
    type Net = (Linear<5, 16>, Tanh, Linear<16, CLASSES>);
    for method in every_method() {
        same::<Flat, Mlp>(Sam::new(0.2).method(method));
        for norm in ["l1", "l2", "l3", "linf"] {
            let norm: Norm = norm.parse().unwrap();
            same::<Flat, Net>(Sam::new(0.2).norm(norm).method(method));
        }
    }
}

#[test]
fn steps_of_every_method_on_some_parameters_and_some_of_them_at_rest() {
    let when = When {
        start: 1,
        every: 2,
        ..When::ALWAYS
    };
    for method in every_method() {
        for on in [On::Norm, On::Weights] {
            same::<Flat, Mlp>(Sam::new(0.2).method(method).on(on));
        }
        same::<Flat, Mlp>(Sam::new(0.2).method(method).when(when));
    }
}

/// What rounding makes of a gradient is divided by the distance of a difference quotient, here 6e-6.
#[test]
fn steps_with_the_second_order_term() {
    let sam = Sam::new(0.2).method(LpSam {
        steps: 1,
        second_order: true,
    });
    let found = trained::<Flat, Cuda, Mlp>(&Cuda::default(), sam.clone(), 4);
    let expected = trained::<Flat, Cpu, Mlp>(&Cpu::default(), sam, 4);
    assert_same(&found, &expected, 1e-7);
}

#[test]
fn a_convolutional_network() {
    same::<Images, Cnn>(Sam::new(0.1));
}

/// More parameters than one launch takes.
#[test]
fn a_residual_network() {
    same::<Rank4<ROWS, 3, 8, 8>, (nn::ResNet20<CLASSES>,)>(Sam::new(0.05));
}

/// Both devices draw the same factors, from one number of their generators.
#[test]
fn networks_that_shake() {
    type Images = Rank4<ROWS, 3, 8, 8>;
    same::<Images, (nn::ShakeShake<8, 4, CLASSES>,)>(Sam::new(0.05));
    same::<Images, (nn::PyramidNet<8, 6, CLASSES>,)>(Sam::new(0.05));
}

/// Chunks, an observer of them, and gradients that are accumulated over two batches.
#[sam_train(rho = 0.2, m = 2)]
fn chunked<D: World, N>(
    model: &mut N,
    opt: &mut Sgd<N, f64, D>,
    data: &[Batch<Flat, D>],
) -> Vec<f64>
where
    N: Network<Flat, D>
        + ModuleMut<
            Tensor<Rank2<2, 5>, f64, D, OwnedTape<f64, D>>,
            Output = Tensor<Rank2<2, CLASSES>, f64, D, OwnedTape<f64, D>>,
        >,
{
    let mut grads = model.alloc_grads();
    let mut seen = Vec::new();
    for (i, (x, y)) in data.iter().cloned().enumerate() {
        let logits = model.forward_mut(x.traced(grads));
        let probabilities = logits.with_empty_tape();
        let loss = cross_entropy_with_logits_loss(logits, y);
        seen.push(loss.array());
        seen.extend(probabilities.as_vec());
        grads = loss.backward();
        if i % 2 == 1 {
            opt.update(model, &grads).map_err(|_| "update").unwrap();
            model.zero_grads(&mut grads);
        }
    }
    seen
}

fn in_chunks<D: World>(dev: &D) -> (Vec<f64>, Vec<f64>)
where
    Mlp: BuildOnDevice<D, f64>,
    <Mlp as BuildOnDevice<D, f64>>::Built: Network<Flat, D>
        + ModuleMut<
            Tensor<Rank2<2, 5>, f64, D, OwnedTape<f64, D>>,
            Output = Tensor<Rank2<2, CLASSES>, f64, D, OwnedTape<f64, D>>,
        >,
{
    let mut model = built::<Mlp, D>(dev);
    let mut opt = sgd(&model);
    let seen = chunked(&mut model, &mut opt, &batches(dev, 4));
    (seen, state(&model))
}

#[test]
fn chunks_and_what_observers_see_of_them() {
    let ((seen, state), (seen_on_host, state_on_host)) =
        (in_chunks(&Cuda::default()), in_chunks(&Cpu::default()));
    assert_same(&seen, &seen_on_host, 1e-10);
    assert_same(&state, &state_on_host, 1e-10);
}

#[test]
fn a_report() {
    fn report<D: World>(dev: &D) -> Vec<f64>
    where
        Mlp: BuildOnDevice<D, f64>,
        <Mlp as BuildOnDevice<D, f64>>::Built: Network<Flat, D>,
    {
        trained::<Flat, D, Mlp>(dev, Sam::new(0.3), 2);
        let report = last_report().unwrap();
        assert!(!report.skipped());
        vec![
            report.clean_loss().unwrap(),
            report.perturbed_loss().unwrap(),
            report.gradient_norm().unwrap(),
        ]
    }
    assert_same(&report(&Cuda::default()), &report(&Cpu::default()), 1e-10);
}

/// Inputs that do not lie in order: a turned view, a broadcast, and a slice.
///
/// Not with dfdx's `Linear`: dfdx 0.13 hands cuBLAS a broadcast row, whose strides are 0 and 1, as a whole matrix
/// (`matrix_strides` makes a leading dimension of its width), and cuBLAS reads past the end of the row.
#[test]
fn inputs_that_do_not_lie_in_order() {
    type Own = (
        nn::Linear<5, 16>,
        BatchNorm1D<16>,
        ReLU,
        nn::Linear<16, CLASSES>,
    );
    fn trained<D: World>(dev: &D) -> Vec<f64>
    where
        Own: BuildOnDevice<D, f64>,
        <Own as BuildOnDevice<D, f64>>::Built: Network<Flat, D>,
    {
        let mut model = built::<Own, D>(dev);
        let mut opt = sgd(&model);
        let numbers = |n, seed| sam_tests::noise(n, seed);
        let turned: Tensor<Rank2<5, ROWS>, f64, D> =
            dev.tensor_from_vec(numbers(5 * ROWS, 1), Default::default());
        let row: Tensor<Rank1<5>, f64, D> = dev.tensor_from_vec(numbers(5, 2), Default::default());
        let column: Tensor<Rank2<ROWS, 5>, f64, D> =
            dev.tensor_from_vec(numbers(5 * ROWS, 3), Default::default());
        let inputs: [Tensor<Flat, f64, D>; 3] = [turned.permute(), row.broadcast(), column];
        let mut grads = model.alloc_grads();
        for x in inputs {
            let y = dev.tensor_from_vec(sam_tests::one_hot(ROWS, CLASSES), Default::default());
            grads = Sam::new(0.1).step(&mut model, (x, y), grads, loss).unwrap();
            opt.update(&mut model, &grads)
                .map_err(|_| "update")
                .unwrap();
            model.zero_grads(&mut grads);
        }
        state(&model)
    }
    assert_same(&trained(&Cuda::default()), &trained(&Cpu::default()), 1e-10);
}
