//! SAM on a small fixed network, against two published implementations: optax's `contrib.sam` and
//! the PyTorch SAM of the package `pytorch_optimizer`. `tests/peers/reference.py` wrote the numbers.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;
use serde_json::Value;

type Mlp = (Linear<5, 8>, Tanh, Linear<8, 6>, Tanh, Linear<6, 3>);
type Net = <Mlp as BuildOnDevice<Cpu, f64>>::Built;
type Batch = (Tensor<Rank2<8, 5>, f64, Cpu>, Tensor<Rank2<8, 3>, f64, Cpu>);

/// One step's SAM gradient and the parameters after it, flat, by PyTorch's names.
struct Step {
    gradient: [(&'static str, Vec<f64>); 6],
    parameters: [(&'static str, Vec<f64>); 6],
    report: StepReport,
}

#[sam_train(rho = rho)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, batch: &Batch, rho: f64) -> Vec<Step> {
    let mut grads = model.alloc_grads();
    let mut steps = Vec::new();
    for _ in 0..5 {
        let logits = model.forward_mut(batch.0.trace(grads));
        let loss = cross_entropy_with_logits_loss(logits, batch.1.clone());
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        steps.push(Step {
            gradient: named(model, Some(&grads)),
            parameters: named(model, None),
            report: last_report().unwrap(),
        });
        model.zero_grads(&mut grads);
    }
    steps
}

/// Every parameter by its name, or its gradient.
fn named(model: &Net, grads: Option<&Gradients<f64, Cpu>>) -> [(&'static str, Vec<f64>); 6] {
    fn read<S: Shape>(t: &Tensor<S, f64, Cpu>, grads: Option<&Gradients<f64, Cpu>>) -> Vec<f64> {
        grads.map_or_else(|| t.as_vec(), |grads| grads.get(t).as_vec())
    }
    [
        ("0.weight", read(&model.0.weight, grads)),
        ("0.bias", read(&model.0.bias, grads)),
        ("2.weight", read(&model.2.weight, grads)),
        ("2.bias", read(&model.2.bias, grads)),
        ("4.weight", read(&model.4.weight, grads)),
        ("4.bias", read(&model.4.bias, grads)),
    ]
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

/// The largest difference, relative to the largest reference value.
fn difference(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    let furthest = ours
        .iter()
        .zip(theirs)
        .fold(0.0_f64, |max, (a, b)| max.max((a - b).abs()));
    furthest / largest
}

/// dfdx in f64 and the peers differ by rounding, and by the 1e-12 that PyTorch's SAM adds to the
/// norm.
const TOLERANCE: f64 = 1e-9;

#[test]
fn five_steps_agree_with_optax_and_pytorch() {
    let text = include_str!("../fixtures/sam_reference.json");
    let reference: Value = serde_json::from_str(text).unwrap();
    let dev = Cpu::default();
    let batch: Batch = (
        dev.tensor_from_vec(numbers(&reference["batch"]["x"]), Default::default()),
        dev.tensor_from_vec(numbers(&reference["batch"]["y"]), Default::default()),
    );
    for (case, settings) in reference["cases"].as_object().unwrap() {
        for peer in ["optax", "torch"] {
            let mut model = dev.build_module::<Mlp, f64>();
            let initial = |name: &str| numbers(&reference["initial_params"][name]);
            model.0.weight.copy_from(&initial("0.weight"));
            model.0.bias.copy_from(&initial("0.bias"));
            model.2.weight.copy_from(&initial("2.weight"));
            model.2.bias.copy_from(&initial("2.bias"));
            model.4.weight.copy_from(&initial("4.weight"));
            model.4.bias.copy_from(&initial("4.bias"));
            let momentum = settings["momentum"].as_f64().filter(|m| *m > 0.0);
            let config = SgdConfig {
                lr: settings["lr"].as_f64().unwrap(),
                momentum: momentum.map(Momentum::Classic),
                weight_decay: None,
            };
            let mut opt = Sgd::new(&model, config);
            let steps = train(
                &mut model,
                &mut opt,
                &batch,
                settings["rho"].as_f64().unwrap(),
            );
            let expected = settings[peer].as_array().unwrap();
            assert_eq!(steps.len(), expected.len());
            for (i, (step, expected)) in steps.iter().zip(expected).enumerate() {
                let near = |what: &str, ours: &[f64], theirs: &[f64]| {
                    let found = difference(ours, theirs);
                    assert!(
                        found < TOLERANCE,
                        "{case}, {peer}, step {i}, {what}: {found:e}"
                    );
                };
                let scalar = |key: &str| [expected[key].as_f64().unwrap()];
                let report = &step.report;
                near("loss", &[report.clean_loss().unwrap()], &scalar("loss"));
                near(
                    "perturbed",
                    &[report.perturbed_loss().unwrap()],
                    &scalar("perturbed_loss"),
                );
                near(
                    "norm",
                    &[report.gradient_norm().unwrap()],
                    &scalar("grad_norm"),
                );
                for (name, ours) in &step.gradient {
                    near(name, ours, &numbers(&expected["sam_grad"][name]));
                }
                for (name, ours) in &step.parameters {
                    near(name, ours, &numbers(&expected["params"][name]));
                }
            }
        }
    }
}
