#![allow(dead_code, unused)]
use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;
type Dev = Cpu;
type Net = modules::Linear<4, 3, f32, Dev>;
type X = Tensor<Rank2<8, 4>, f32, Dev>;
type Y = Tensor<Rank2<8, 3>, f32, Dev>;
type Opt = Sgd<Net, f32, Dev>;
macro_rules! both { ($($t:tt)*) => { mod plain { use super::*; $($t)* } mod near { use super::*; #[sam_train(rho = 1e-30)] $($t)* } } }
fn setup() -> (Net, Opt, Vec<(X, Y)>) {
    let dev = Dev::seed_from_u64(0);
    let net = dev.build_module::<builders::Linear<4, 3>, f32>();
    let opt = Sgd::new(
        &net,
        SgdConfig {
            lr: 0.1,
            momentum: None,
            weight_decay: None,
        },
    );
    (
        net,
        opt,
        (0..12)
            .map(|_| (dev.sample_normal(), dev.sample_normal()))
            .collect(),
    )
}
macro_rules! check {
    () => {
        #[test]
        fn same() {
            let run = |f: fn(&mut Net, &mut Opt, &[(X, Y)]) -> Vec<f32>| {
                let (mut n, mut o, d) = setup();
                f(&mut n, &mut o, &d)
            };
            let (a, b) = (run(plain::train), run(near::train));
            assert!(
                a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3),
                "\n{a:?}\n{b:?}"
            );
        }
    };
}
// S12: a second iterator is advanced between the forward pass and the loss
mod iterator {
    use super::*;
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut unlabelled = data.iter().rev().cycle();
            let mut losses = vec![];
            for (x, y) in &data[..6] {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                let (_, other) = unlabelled.next().unwrap();
                let loss = mse_loss(out, y.clone() + other.clone());
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// S4: something is changed by a method, and then read by the loss
mod pushed {
    use super::*;
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut seen: Vec<f32> = vec![];
            let mut losses = vec![];
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                seen.push(1.0);
                let loss = mse_loss(out, y.clone()) * (seen.len() as f32);
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// a random number in the loss
mod random {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut rng = StdRng::seed_from_u64(0);
            let mut losses = vec![];
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                let scale: f32 = rng.gen_range(0.5..1.5);
                let loss = mse_loss(out, y.clone()) * scale;
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// noise from the device
mod noise {
    use super::*;
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let dev = Dev::seed_from_u64(7);
            let mut losses = vec![];
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                let noise: Y = dev.sample_normal();
                let loss = mse_loss(out, y.clone() + noise);
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// a counting closure
mod closure {
    use super::*;
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut losses = vec![];
            let mut calls = 0.0;
            let mut weight = || { calls += 1.0; calls };
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                let loss = mse_loss(out, y.clone());
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// interior mutability
mod cell {
    use super::*;
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut losses = vec![];
            let step = std::cell::Cell::new(0.0f32);
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                step.set(step.get() + 1.0);
                let loss = mse_loss(out, y.clone()) * step.get();
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// a macro that changes something the loss reads
mod by_macro {
    use super::*;
    macro_rules! bump {
        ($v:ident) => {
            $v += 1.0
        };
    }
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut losses = vec![];
            let mut k = 0.0;
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                bump!(k);
                let loss = mse_loss(out, y.clone()) * k;
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// something read by the loss is changed after it
mod changed_after {
    use super::*;
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut losses = vec![];
            let mut k = 1.0;
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                let loss = mse_loss(out, y.clone()) * k;
                k += 0.5;
                losses.push(loss.array() * k);
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
// the model is changed by the loop between forward and backward (weight clamp), or read
mod model_read {
    use super::*;
    both! {
        pub fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
            let mut losses = vec![];
            for (x, y) in data {
                let out = model.forward_mut(x.trace(model.alloc_grads()));
                let loss = mse_loss(out, y.clone());
                losses.push(loss.array() + model.weight.array()[0][0]);
                let eval = mse_loss(model.forward(x.clone()), y.clone()).array();
                losses.push(eval);
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }
    check!();
}
