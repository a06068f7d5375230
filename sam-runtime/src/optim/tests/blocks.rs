//! [`Sgd`] updates in place, by several threads: the bits of dfdx's, on tensors of several blocks, and on one that does not
//! lie in order.

use dfdx::{optim::Optimizer, prelude::*};

use super::{bits, equality::sgd_configs, gradients};
use crate::optim::Sgd;

/// Both optimizers must leave the same bits, update by update.
#[track_caller]
fn assert_same<M: TensorCollection<f32, Cpu> + Clone>(start: &M, what: &str) {
    for cfg in sgd_configs() {
        let mut theirs = dfdx::optim::Sgd::new(start, cfg);
        let mut ours = Sgd::new(start, cfg);
        let (mut a, mut b) = (start.clone(), start.clone());
        for step in 0..3 {
            let gradients = gradients(start, step);
            theirs.update(&mut a, &gradients).unwrap();
            ours.update(&mut b, &gradients).unwrap();
            assert!(bits(&a) == bits(&b), "{what}, {cfg:?}: update {step}");
        }
        assert!(bits(&a) != bits(start));
    }
}

#[test]
fn of_several_blocks() {
    let dev = Cpu::default();
    assert_same(&dev.build_module::<Linear<300, 170>, f32>(), "blocks");
}

#[test]
fn of_a_tensor_that_lies_otherwise() {
    let dev = Cpu::default();
    let t: Tensor<Rank2<40, 500>, f32, _> = dev.sample_normal();
    assert_same(&t.permute::<Rank2<500, 40>, _>(), "turned");
}
