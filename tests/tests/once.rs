//! What the loss depends on but the model does not runs once for each batch: with a radius too small
//! to be felt, a loop with side effects between the forward pass and the loss gives the losses of the
//! plain loop.

use dfdx::{optim::*, prelude::*};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sam_runtime::sam_train;

type Net = dfdx::nn::modules::Linear<4, 3, f32, Cpu>;
type Opt = Sgd<Net, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Train = fn(&mut Net, &mut Opt, &[(X, Y)]) -> Vec<f32>;

/// The losses of both versions, from the same weights on the same batches.
fn compare(train: [Train; 2]) {
    let dev = Cpu::seed_from_u64(0);
    let net = dev.build_module::<builders::Linear<4, 3>, f32>();
    let batch = |_| (dev.sample_normal(), dev.sample_normal());
    let data: Vec<(X, Y)> = (0..12).map(batch).collect();
    let [plain, near] = train.map(|train| {
        let mut net = net.clone();
        let mut opt = Sgd::new(
            &net,
            SgdConfig {
                lr: 0.1,
                ..Default::default()
            },
        );
        train(&mut net, &mut opt, &data)
    });
    assert_eq!(plain.len(), data.len());
    for (a, b) in plain.iter().zip(&near) {
        assert!(
            (a - b).abs() < 1e-4 * a.abs().max(1.0),
            "{plain:?}\n{near:?}"
        );
    }
}

/// One loop, without and with the attribute: what stands before the loop, what stands between the
/// forward pass and the loss, the loss, and what stands behind it.
macro_rules! same {
    (
        $name:ident($data:ident, $out:ident, $y:ident, $losses:ident)
        { $($before:tt)* } { $($between:tt)* } $loss:block { $($observed:tt)* }
    ) => {
        #[test]
        fn $name() {
            macro_rules! train {
                ($version:ident $key:meta) => {
                    #[$key]
                    fn $version(model: &mut Net, opt: &mut Opt, $data: &[(X, Y)]) -> Vec<f32> {
                        let mut $losses = Vec::new();
                        $($before)*
                        for (x, $y) in $data {
                            let $out = model.forward_mut(x.trace(model.alloc_grads()));
                            $($between)*
                            let loss = $loss;
                            $losses.push(loss.array());
                            $($observed)*
                            let grads = loss.backward();
                            opt.update(model, &grads).unwrap();
                        }
                        $losses
                    }
                };
            }
            train!(plain allow(unused));
            train!(near sam_train(rho = 1e-30));
            compare([plain, near]);
        }
    };
}

same! {
    a_second_iterator_advances_once(data, out, y, losses)
    { let mut unlabelled = data.iter().rev().cycle(); }
    { let (_, other) = unlabelled.next().unwrap(); }
    { mse_loss(out, y.clone() + other.clone()) } {}
}

same! {
    a_random_number_is_drawn_once(data, out, y, losses)
    { let mut rng = StdRng::seed_from_u64(0); }
    { let scale: f32 = rng.gen_range(0.5..1.5); }
    { mse_loss(out, y.clone()) * scale } {}
}

same! {
    noise_from_the_device_is_drawn_once(data, out, y, losses)
    { let dev = Cpu::seed_from_u64(7); }
    { let noise: Y = dev.sample_normal(); }
    { mse_loss(out, y.clone() + noise) } {}
}

same! {
    what_is_pushed_is_there_when_the_loss_reads_it(data, out, y, losses)
    { let mut seen = Vec::new(); }
    { seen.push(1.0); }
    { mse_loss(out, y.clone()) * (seen.len() as f32) } {}
}

same! {
    a_cell_is_set_before_the_loss_reads_it(data, out, y, losses)
    { let step = std::cell::Cell::new(0.0_f32); }
    { step.set(step.get() + 1.0); }
    { mse_loss(out, y.clone()) * step.get() } {}
}

macro_rules! bump {
    ($counter:ident) => {
        $counter += 1.0
    };
}

same! {
    a_macro_counts_once(data, out, y, losses)
    { let mut count = 0.0; }
    { bump!(count); }
    { mse_loss(out, y.clone()) * count } {}
}

same! {
    a_closure_that_counts_is_called_once(data, out, y, losses)
    { let mut calls = 0.0; let mut weight = || { calls += 1.0; calls }; }
    { let weight = weight(); }
    { mse_loss(out, y.clone()) * weight } {}
}

same! {
    what_changes_behind_the_loss_changes_for_the_next_batch(data, out, y, losses)
    { let mut scale = 1.0; }
    {}
    { mse_loss(out, y.clone()) * scale } { scale += 0.5; }
}

same! {
    an_accumulator_starts_anew_in_each_pass(data, out, y, losses)
    {}
    { let mut parts = Vec::new(); parts.push(out); }
    { mse_loss(parts.pop().unwrap(), y.clone()) } {}
}
