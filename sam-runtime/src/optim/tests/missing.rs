//! Gradients that are not there are reported as dfdx reports them.

use dfdx::{
    optim::{Optimizer, OptimizerUpdateError, RMSpropConfig},
    prelude::*,
    tensor::UniqueId,
};

use super::{bits, gradients, gradients_of, of_both_types};
use crate::optim::{RMSprop, SaveState};

fn unused<E>(result: Result<(), OptimizerUpdateError<E>>) -> Vec<UniqueId> {
    match result {
        Ok(()) => Vec::new(),
        Err(OptimizerUpdateError::UnusedParams(unused)) => unused.ids,
        Err(OptimizerUpdateError::DeviceError(_)) => panic!("the device did not fail"),
    }
}

of_both_types!(others_are_updated late_gradients);

fn others_are_updated<E: Dtype, M: TensorCollection<E, Cpu> + Clone>(model: &M)
where
    Cpu: Device<E>,
{
    let (mut a, mut b) = (model.clone(), model.clone());
    let mut theirs = dfdx::optim::RMSprop::new(model, RMSpropConfig::default());
    let mut ours = RMSprop::new(model, RMSpropConfig::default());
    for absent in [vec![], vec![2], vec![0, 5], vec![0, 1, 2, 3, 4, 5]] {
        let gradients = gradients_of(model, 7, |at| !absent.contains(&at));
        let expected = unused(theirs.update(&mut a, &gradients));
        let found = unused(ours.update(&mut b, &gradients));
        assert_eq!(found, expected);
        assert_eq!(found.len(), absent.len());
        assert!(bits(&a) == bits(&b));
    }
}

/// A parameter that gets its first gradient late, in a run that is saved before that.
fn late_gradients<E: Dtype, M: TensorCollection<E, Cpu> + Clone>(model: &M)
where
    Cpu: Device<E>,
{
    let (mut a, mut b) = (model.clone(), model.clone());
    let mut theirs = dfdx::optim::RMSprop::new(model, RMSpropConfig::default());
    let mut ours = RMSprop::new(model, RMSpropConfig::default());
    for step in 0..10 {
        let gradients = gradients_of(model, step, |at| step >= 3 || at % 2 == 0);
        let expected = unused(theirs.update(&mut a, &gradients));
        assert_eq!(unused(ours.update(&mut b, &gradients)), expected);
        let state = ours.state().unwrap();
        ours = RMSprop::new(model, RMSpropConfig::default());
        ours.load_state(&state).unwrap();
    }
    assert!(bits(&a) == bits(&b));
}

/// A gradient that is there and zero is a gradient.
#[test]
fn zeros_are_no_absence() {
    let dev = Cpu::default();
    let mut model = dev.build_module::<super::Mlp, f32>();
    let before = bits(&model);
    let mut opt = RMSprop::new(&model, RMSpropConfig::default());
    let zeros = model.alloc_grads();
    opt.update(&mut model, &zeros).unwrap();
    assert_eq!(bits(&model), before);
    let some = gradients(&model, 1);
    opt.update(&mut model, &some).unwrap();
    assert_ne!(bits(&model), before);
}

/// Gradients that are no parameter's are left alone, and the given ones are not changed.
#[test]
fn gradients_are_read_only() {
    let dev = Cpu::default();
    let mut model = dev.build_module::<super::Mlp, f32>();
    let mut given = gradients(&model, 1);
    let other: Tensor<Rank1<3>, f32, _> = dev.ones();
    given.get_or_alloc_mut(&other).unwrap().fill(2.0);
    let before = (
        given.get(&other).as_vec(),
        given.get(&model.0.weight).as_vec(),
    );
    let mut opt = RMSprop::new(&model, RMSpropConfig::default());
    opt.update(&mut model, &given).unwrap();
    let after = (
        given.get(&other).as_vec(),
        given.get(&model.0.weight).as_vec(),
    );
    assert_eq!(after, before);
    assert_eq!(other.array(), [1.0; 3]);
}
