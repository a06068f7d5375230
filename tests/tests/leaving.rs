//! A second pass that leaves the loop does what the plain loop does: to its own variables.

use dfdx::{optim::*, prelude::*, tensor::OwnedTape};
use sam_runtime::prelude::*;
use sam_tests::*;

const B: usize = 6;
type Net = (Linear<4, 8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data = Classes<B, 4, 3, f64>;
type Loss = Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>>;

fn start() -> (Built, Data) {
    let dev = Cpu::seed_from_u64(2);
    (dev.build_module::<Net, f64>(), classes(&dev, 1))
}

fn below(loss: Loss, limit: f64) -> Result<Loss, f64> {
    if loss.array() < limit {
        Ok(loss)
    } else {
        Err(limit)
    }
}

/// One batch for each limit. How many were left out.
#[sam_train(rho = 0.3)]
fn train(model: &mut Built, (x, y): Data, limits: &[f64]) -> usize {
    let mut opt = sgd(model, 0.1);
    let mut skipped = 0;
    let mut grads = model.alloc_grads();
    for limit in limits {
        let (x, y) = (x.clone(), y.clone());
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let loss = match below(loss, *limit) {
            Ok(loss) => loss,
            Err(_) => {
                skipped += 1;
                grads = model.alloc_grads();
                continue;
            }
        };
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
    skipped
}

#[test]
fn a_batch_that_is_left_out_at_the_perturbed_weights_is_left_out() {
    let (mut expected, data) = start();
    assert_eq!(train(&mut expected, data, &[f64::INFINITY]), 0);
    let report = last_report().unwrap();
    let (clean, perturbed) = (
        report.clean_loss().unwrap(),
        report.perturbed_loss().unwrap(),
    );
    let between = (clean + perturbed) / 2.0;
    assert!(clean < between && between < perturbed);

    let (mut model, data) = start();
    assert_eq!(train(&mut model, data, &[between, f64::INFINITY, 0.0]), 2);
    assert_eq!(state(&model), state(&expected));
}
