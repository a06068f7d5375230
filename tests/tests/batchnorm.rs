//! Running statistics advance once per batch, as a clean `forward_mut` advances them.

use dfdx::prelude::*;
use sam_runtime::{Sam, prelude::*};
use sam_tests::*;

const B: usize = 6;
type Net = (Linear<4, 8>, BatchNorm1D<8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data<const N: usize> = Classes<N, 4, 3, f64>;

macro_rules! run_over {
    ($(#[$attribute:meta])* $name:ident($rho:ident)) => {
        $(#[$attribute])*
        fn $name(model: &mut Built, data: &[Data<B>], lr: f64, $rho: f64) {
            let mut opt = sgd(model, lr);
            let mut grads = model.alloc_grads();
            for (x, y) in data.iter().cloned() {
                let logits = model.forward_mut(x.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
        }
    };
}

run_over!(
    #[sam_train(rho = rho)]
    whole(rho)
);
run_over!(
    #[sam_train(rho = rho, m = 2)]
    in_pairs(rho)
);

fn start() -> (Built, Vec<Data<B>>) {
    let dev = Cpu::seed_from_u64(4);
    let model = dev.build_module::<Net, f64>();
    (model, (0..5).map(|seed| classes(&dev, seed)).collect())
}

/// What a clean pass leaves in the buffers.
fn advance<const N: usize>(model: &mut Built, (x, _): &Data<N>) {
    model.forward_mut(x.leaky_trace());
}

#[test]
fn statistics_advance_as_in_one_clean_pass_bit_for_bit() {
    let (mut model, data) = start();
    let untouched = buffers(&model);
    let mut expected = model.clone();
    data.iter().for_each(|batch| advance(&mut expected, batch));
    whole(&mut model, &data, 0.0, 0.3);
    assert_eq!(bits(buffers(&model)), bits(buffers(&expected)));
    assert_ne!(buffers(&model), untouched);
}

#[test]
fn statistics_advance_at_the_weights_that_each_batch_began_with() {
    let (mut model, data) = start();
    for batch in &data {
        let mut expected = model.clone();
        advance(&mut expected, batch);
        let before = parameters(&model);
        whole(&mut model, std::slice::from_ref(batch), 0.5, 0.3);
        assert_eq!(bits(buffers(&model)), bits(buffers(&expected)));
        assert_ne!(parameters(&model), before);
    }
}

#[test]
fn the_perturbed_pass_never_touches_the_statistics() {
    for run in [whole, in_pairs] {
        let after = |rho| {
            let (mut model, data) = start();
            run(&mut model, &data, 0.0, rho);
            bits(buffers(&model))
        };
        assert_eq!(after(1e-6), after(1e3));
    }
}

/// The mean of what each pair alone leaves in the buffers.
fn mean_over_pairs(model: &Built, (x, y): &Data<B>) -> Vec<f64> {
    let dev = model.0.weight.device();
    let mut mean = vec![0.0; buffers(model).len()];
    for (x, y) in x.as_vec().chunks(2 * 4).zip(y.as_vec().chunks(2 * 3)) {
        let mut alone = model.clone();
        let pair: Data<2> = (tensor(dev, x), tensor(dev, y));
        advance(&mut alone, &pair);
        for (mean, value) in mean.iter_mut().zip(buffers(&alone)) {
            *mean += value / 3.0;
        }
    }
    mean
}

#[test]
fn with_m_statistics_advance_by_the_mean_over_the_chunks() {
    let (mut model, data) = start();
    for batch in &data {
        let expected = mean_over_pairs(&model, batch);
        in_pairs(&mut model, std::slice::from_ref(batch), 0.5, 0.3);
        // Three numbers, added in another order.
        assert!(distance(&buffers(&model), &expected) < 1e-14);
    }
}

#[test]
fn statistics_advance_alike_through_the_closure() {
    let (mut model, data) = start();
    let mut expected = model.clone();
    advance(&mut expected, &data[0]);
    let pairs = mean_over_pairs(&model, &data[0]);

    let grads = model.alloc_grads();
    let mut chunked = model.clone();
    Sam::new(0.3)
        .step(
            &mut model,
            data[0].clone(),
            grads,
            |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            },
        )
        .unwrap();
    assert_eq!(bits(buffers(&model)), bits(buffers(&expected)));

    let grads = chunked.alloc_grads();
    Sam::new(0.3)
        .chunked::<2>()
        .step(
            &mut chunked,
            data[0].clone(),
            grads,
            |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            },
        )
        .unwrap();
    assert!(distance(&buffers(&chunked), &pairs) < 1e-14);
}

#[test]
fn a_batch_left_out_leaves_the_statistics() {
    let (mut model, mut data) = start();
    data[0].0 = tensor(model.0.weight.device(), &[f64::NAN; B * 4]);
    let before = state(&model);
    let mut grads = model.alloc_grads();
    grads = Sam::new(0.3)
        .nonfinite(sam_runtime::NonFinite::Skip)
        .step(
            &mut model,
            data[0].clone(),
            grads,
            |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            },
        )
        .unwrap();
    assert_eq!(state(&model), before);
    assert!(gradient(&model, &grads).iter().all(|g| *g == 0.0));
}
