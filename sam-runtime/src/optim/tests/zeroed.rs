//! Updates that zero the gradients: the bits of dfdx's update and `zero_grads`, on tensors of several blocks, and on
//! one that does not lie in order.

use dfdx::{optim::Optimizer, prelude::*, tensor::Gradients};

use super::{bits, equality::sgd_configs, gradients};
use crate::{
    doors::walk::{Which, each},
    optim::{Adam, Sgd},
};

fn is_zero<M: TensorCollection<f32, Cpu>>(model: &M, gradients: &mut Gradients<f32, Cpu>) -> bool {
    let mut is_zero = true;
    each(model, Which::Parameters, &mut |t| {
        is_zero &= t.gradient(gradients)?.iter().all(|x| *x == 0.0);
        Ok(())
    })
    .unwrap();
    is_zero
}

/// Both optimizers must leave the same bits, update by update.
#[track_caller]
fn assert_same<M: TensorCollection<f32, Cpu> + Clone>(start: &M, what: &str) {
    for cfg in sgd_configs() {
        let mut theirs = dfdx::optim::Sgd::new(start, cfg);
        let mut ours = Sgd::new(start, cfg);
        let (mut a, mut b) = (start.clone(), start.clone());
        for step in 0..3 {
            let mut gradients = gradients(start, step);
            theirs.update(&mut a, &gradients).unwrap();
            ours.update_and_zero(&mut b, &mut gradients).unwrap();
            assert!(bits(&a) == bits(&b), "{what}, {cfg:?}: update {step}");
            assert!(is_zero(start, &mut gradients), "{what}, {cfg:?}");
        }
        assert!(bits(&a) != bits(start));
        assert_eq!(ours.step(), 3);
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

#[test]
fn of_another_rule() {
    let dev = Cpu::default();
    let start = dev.build_module::<Linear<30, 17>, f32>();
    let mut theirs = dfdx::optim::Adam::new(&start, Default::default());
    let mut ours = Adam::new(&start, Default::default());
    let (mut a, mut b) = (start.clone(), start.clone());
    for step in 0..3 {
        let mut gradients = gradients(&start, step);
        theirs.update(&mut a, &gradients).unwrap();
        ours.update_and_zero(&mut b, &mut gradients).unwrap();
        assert!(bits(&a) == bits(&b));
        assert!(is_zero(&start, &mut gradients));
    }
}
