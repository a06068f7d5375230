//! What a method keeps, in a checkpoint.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    Sam,
    step::{
        When, method_state,
        methods::{Fsam, Vasso},
        set_method_state,
    },
};
use sam_tests::*;

use crate::{every::*, world::*};

fn steps(sam: &Sam, model: &mut Model, batches: &[Data]) {
    for batch in batches {
        step(sam, model, batch).unwrap();
    }
}

#[test]
fn a_copy_with_the_state_goes_on_with_the_same_bits() {
    let batches = batches(8);
    // Some steps rest, whose count is a part of the state.
    let when = When {
        start: 1,
        probability: 0.8,
        ..When::ALWAYS
    };
    for case in every() {
        for sam in [case.sam(), case.sam().when(when)] {
            let mut model = start();
            steps(&sam, &mut model, &batches[..5]);
            let kept = method_state(&model).unwrap().unwrap();
            let mut resumed = start();
            set_parameters(&mut resumed, &parameters(&model));
            set_method_state(&resumed, &kept).unwrap();
            steps(&sam, &mut model, &batches[5..]);
            steps(&sam, &mut resumed, &batches[5..]);
            assert_eq!(state(&model), state(&resumed), "{}", case.name);
            let after = |model: &Model| {
                let state = method_state(model).unwrap().unwrap();
                (state.tensors, state.numbers)
            };
            assert!(after(&model) == after(&resumed), "{}", case.name);
        }
    }
}

#[test]
fn the_state_of_another_model_is_refused_and_changes_nothing() {
    type Other = (Linear<4, 6>, Tanh, Linear<6, 3>);
    let batches = batches(4);
    let mut found = 0;
    for case in every() {
        let mut model = start();
        steps(&case.sam(), &mut model, &batches);
        let kept = method_state(&model).unwrap().unwrap();
        if kept.tensors.is_empty() {
            continue;
        }
        found += 1;
        let mut other = Cpu::seed_from_u64(1).build_module::<Other, f64>();
        let mut other_step = || {
            for (x, y) in batches.iter().cloned() {
                let start = other.alloc_grads();
                let grads = case
                    .sam()
                    .step(&mut other, (x, y), start, |model, (x, y), grads| {
                        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
                    })
                    .unwrap();
                sgd(&other, LR).update(&mut other, &grads).unwrap();
            }
        };
        other_step();
        let before = method_state(&other).unwrap().unwrap();
        assert!(set_method_state(&other, &kept).is_err(), "{}", case.name);
        assert!(set_method_state(&model, &before).is_err(), "{}", case.name);
        let after = method_state(&other).unwrap().unwrap();
        assert!(after.tensors == before.tensors, "{}", case.name);
        assert!(after.numbers == before.numbers, "{}", case.name);
        let of_model = method_state(&model).unwrap().unwrap();
        assert!(of_model.tensors == kept.tensors, "{}", case.name);
    }
    assert!(found >= 5, "{found} methods keep something");
}

#[test]
fn another_method_begins_anew() {
    let batches = batches(6);
    for case in every() {
        let other = match case.name.starts_with("vasso") {
            true => Sam::new(RHO).method(Fsam::default()),
            false => Sam::new(RHO).method(Vasso::default()),
        };
        let mut model = start();
        steps(&other, &mut model, &batches[..3]);
        let mut fresh = start();
        set_parameters(&mut fresh, &parameters(&model));
        steps(&case.sam(), &mut model, &batches[3..]);
        steps(&case.sam(), &mut fresh, &batches[3..]);
        assert_eq!(state(&model), state(&fresh), "{}", case.name);
    }
}
