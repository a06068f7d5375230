//! What a state holds, and which states are refused. A refusal leaves the optimizer as it was.

use dfdx::{
    optim::{AdamConfig, Optimizer, SgdConfig},
    prelude::*,
};
use serde_json::json;

use super::{Built, Mlp, NAMES, gradients};
use crate::optim::{
    Adam, AdamW, AdamWConfig, HostDtype, HostTensor, SaveState, Sgd, State, StateError,
};

type Opt = Adam<Built<f32>, f32, Cpu>;

fn trained(steps: u64) -> Opt {
    let mut model = Cpu::default().build_module::<Mlp, f32>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    for step in 0..steps {
        let given = gradients(&model, step);
        opt.update(&mut model, &given).unwrap();
    }
    opt
}

/// The tensors have PyTorch's names and hold the formula's numbers.
#[test]
fn a_state_is_what_it_says() {
    let mut model = Cpu::default().build_module::<Mlp, f32>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    let given = gradients(&model, 0);
    opt.update(&mut model, &given).unwrap();
    let state = opt.state().unwrap();
    let expected: Vec<String> = ["exp_avg", "exp_avg_sq"]
        .iter()
        .flat_map(|buffer| NAMES.map(|name| format!("{buffer}.{name}")))
        .collect();
    let mut found: Vec<_> = state.tensors.keys().cloned().collect();
    found.sort_by_key(|name| expected.iter().position(|e| e == name));
    assert_eq!(found, expected);
    assert_eq!(
        json!(state.numbers),
        json!({"optimizer": "adam", "step": 1})
    );

    let squares = &state.tensors["exp_avg_sq.3.weight"];
    assert_eq!(squares.dtype, HostDtype::F32);
    assert_eq!(squares.shape, [3, 8]);
    let g = given.get(&model.3.weight).as_vec();
    let rest = 1.0 - 0.999_f32;
    let expected: Vec<u8> = g
        .iter()
        .flat_map(|g| (g * g * rest).to_le_bytes())
        .collect();
    assert_eq!(squares.bytes, expected);
}

#[test]
fn before_the_first_update_it_is_empty_and_loads() {
    let state = trained(0).state().unwrap();
    assert!(state.tensors.is_empty());
    let mut opt = trained(3);
    opt.load_state(&state).unwrap();
    assert_eq!(opt.step(), 0);
    assert_eq!(opt.state().unwrap(), state);
}

#[test]
fn sgd_without_momentum_has_no_tensors() {
    let mut model = Cpu::default().build_module::<Mlp, f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    let given = gradients(&model, 0);
    opt.update(&mut model, &given).unwrap();
    let state = opt.state().unwrap();
    assert!(state.tensors.is_empty());
    assert_eq!(state.numbers["step"], 1);
}

/// Asserts that the state of three steps, changed so, is refused, and nothing else happens.
#[track_caller]
fn refused(change: impl FnOnce(&mut State)) -> StateError {
    let mut state = trained(3).state().unwrap();
    change(&mut state);
    let mut opt = trained(5);
    let before = opt.state().unwrap();
    let error = opt.load_state(&state).unwrap_err();
    assert_eq!(opt.state().unwrap(), before);
    assert!(!error.to_string().is_empty());
    error
}

fn tensor<'a>(state: &'a mut State, name: &str) -> &'a mut HostTensor {
    state.tensors.get_mut(name).unwrap()
}

#[test]
fn another_optimizer() {
    let error = refused(|state| {
        state.numbers.insert("optimizer".into(), json!("adamw"));
    });
    assert_eq!(
        error,
        StateError::Kind {
            expected: "adam",
            found: "adamw".into()
        }
    );
    let model = Cpu::default().build_module::<Mlp, f32>();
    let mut adamw = AdamW::new(&model, AdamWConfig::default());
    let state = trained(3).state().unwrap();
    let text = adamw.load_state(&state).unwrap_err().to_string();
    assert!(
        text.contains("`adam`") && text.contains("`adamw`"),
        "{text}"
    );
}

#[test]
fn another_model() {
    type Other = (Linear<6, 9>, BatchNorm1D<9>, ReLU, Linear<9, 3>);
    let model = Cpu::default().build_module::<Other, f32>();
    let mut other = Adam::new(&model, AdamConfig::default());
    let state = trained(3).state().unwrap();
    assert_eq!(
        other.load_state(&state).unwrap_err(),
        StateError::Shape {
            name: "exp_avg.0.weight".into(),
            expected: vec![9, 6],
            found: vec![8, 6]
        }
    );
    let model = Cpu::default().build_module::<(ReLU, Linear<6, 8>), f32>();
    let mut other = Adam::new(&model, AdamConfig::default());
    assert_eq!(
        other.load_state(&state).unwrap_err(),
        // The configuration uses it, and the state has none of that name.
        StateError::Shape {
            name: "exp_avg.1.weight".into(),
            expected: vec![8, 6],
            found: vec![8]
        }
    );
    let model = Cpu::default().build_module::<Mlp, f64>();
    let mut other = Adam::new(&model, AdamConfig::default());
    assert_eq!(
        other.load_state(&state).unwrap_err(),
        StateError::Dtype {
            name: "exp_avg.0.weight".into(),
            expected: HostDtype::F64,
            found: HostDtype::F32
        }
    );
}

#[test]
fn missing_and_unexpected_tensors() {
    let name = "exp_avg_sq.1.bias";
    let error = refused(|state| drop(state.tensors.remove(name)));
    assert_eq!(error, StateError::Missing { name: name.into() });
    assert!(error.to_string().contains(name));
    let error = refused(|state| {
        let tensor = state.tensors[name].clone();
        state
            .tensors
            .insert("exp_avg.7.weight".into(), tensor.clone());
        state.tensors.insert("max_exp_avg_sq.0.bias".into(), tensor);
    });
    let names = vec!["exp_avg.7.weight".into(), "max_exp_avg_sq.0.bias".into()];
    assert_eq!(error, StateError::Unexpected { names });
    let error = refused(|state| {
        state.numbers.insert("step".into(), json!(0));
    });
    assert!(matches!(error, StateError::Unexpected { names } if names.len() == 12));
    let error = refused(|state| state.tensors.clear());
    let name = "exp_avg.0.weight".into();
    assert_eq!(error, StateError::Missing { name });
}

#[test]
fn damaged_tensors() {
    let name = "exp_avg.3.bias";
    let error = refused(|state| tensor(state, name).shape = vec![1, 3]);
    assert!(matches!(error, StateError::Shape { .. }), "{error}");
    let error = refused(|state| tensor(state, name).bytes.truncate(11));
    assert_eq!(
        error,
        StateError::Bytes {
            name: name.into(),
            expected: 12,
            found: 11
        }
    );
    let error = refused(|state| tensor(state, name).dtype = HostDtype::F16);
    assert!(error.to_string().contains("F16"), "{error}");
    let error = refused(|state| tensor(state, name).shape = vec![usize::MAX, usize::MAX]);
    assert!(matches!(error, StateError::Shape { .. }), "{error}");
}

#[test]
fn damaged_numbers() {
    for wrong in [
        json!(-1),
        json!(2.5),
        json!("3"),
        json!(null),
        json!(u64::MAX),
    ] {
        let error = refused(|state| {
            state.numbers.insert("step".into(), wrong.clone());
        });
        let text = error.to_string();
        assert!(
            text.contains("`step`") && text.contains(&wrong.to_string()),
            "{text}"
        );
    }
    let error = refused(|state| drop(state.numbers.remove("step")));
    assert!(error.to_string().contains("`step` is absent"), "{error}");
    let error = refused(|state| drop(state.numbers.remove("optimizer")));
    assert!(
        error.to_string().contains("`optimizer` is absent"),
        "{error}"
    );
    let error = refused(|state| {
        state.numbers.insert("epoch".into(), json!(4));
    });
    assert!(error.to_string().contains("`epoch` is 4"), "{error}");
    assert!(matches!(
        trained(1).load_state(&State::default()),
        Err(StateError::Number { .. })
    ));
}
