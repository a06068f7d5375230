//! Steps that the programs without the attribute can't show: computed from dfdx alone.

use dfdx::prelude::*;
use sam_tests::{distance, gradient, parameters, perturbation, set_parameters};

use crate::{check::RHO, harness::Run, plain, sam};

/// One step with a learning rate of 1: the parameters go by the gradient.
fn one_step() -> Run {
    Run {
        lr: 1.0,
        steps: 1,
        ..Run::default()
    }
}

/// `w + rho g / |g|`.
fn perturbed(w: &[f64], g: &[f64]) -> Vec<f64> {
    let ascent = perturbation(g, 2.0, RHO);
    w.iter().zip(ascent).map(|(w, e)| w + e).collect()
}

/// SAM's gradient, from the gradient at any weights.
fn sam_gradient(w: &[f64], gradient_at: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    gradient_at(&perturbed(w, &gradient_at(w)))
}

#[track_caller]
fn assert_is(found: &[f64], expected: &[f64]) {
    let error = distance(found, expected);
    assert!(error < 1e-9, "off by {error:.1e}");
}

/// The network at other weights.
fn at<M: TensorCollection<f64, Cpu> + Clone>(model: &M, weights: &[f64]) -> M {
    let mut moved = model.clone();
    set_parameters(&mut moved, weights);
    moved
}

/// The gradients of both blocks add up, and each is perturbed by its own.
#[test]
fn blocks_have_a_perturbation_each() {
    let dev = Cpu::seed_from_u64(4);
    let core = dev.build_module::<(Linear<4, 6>, ReLU), f64>();
    let policy = dev.build_module::<Linear<6, 3>, f64>();
    let value = dev.build_module::<Linear<6, 1>, f64>();
    let x = dev.tensor([[0.1, 0.4, -0.3, 0.0], [0.5, -0.2, 0.9, 0.0]]);
    let w = parameters(&core);

    let of_policy = sam_gradient(&w, |w| {
        let core = at(&core, w);
        let logits = policy.forward(core.forward(x.trace(core.alloc_grads())));
        let targets = dev.tensor([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]);
        let loss = cross_entropy_with_logits_loss(logits, targets);
        gradient(&core, &loss.backward())
    });
    let of_value = sam_gradient(&w, |w| {
        let core = at(&core, w);
        let values = value.forward(core.forward(x.trace(core.alloc_grads())));
        let loss = mse_loss(values, dev.tensor([[0.3], [-0.2]]));
        gradient(&core, &loss.backward())
    });
    let expected: Vec<f64> = of_policy.iter().zip(of_value).map(|(a, b)| a + b).collect();

    let run = one_step().of(sam::programs::blocks_in_closure::drive);
    assert_is(&run.step(), &expected);
}

/// What was computed from the model before the slice stays as it was.
#[test]
fn the_old_policy_is_not_perturbed() {
    use plain::programs::helper_traces::{Net, compute_loss};
    let dev = Cpu::seed_from_u64(3);
    let model = dev.build_module::<Net, f64>();
    let x: Tensor<Rank2<5, 4>, f64, _> = dev.sample_normal();
    let actions = dev.tensor([0, 1, 2, 1, 0]);
    let advantages = dev.tensor([1.0, -0.5, 0.3, 0.2, -0.1]);
    let old = model.forward(x.clone()).log_softmax::<Axis<1>>();
    let old = old.select(actions.clone());

    let expected = sam_gradient(&parameters(&model), |w| {
        let mut model = at(&model, w);
        let (x, actions, advantages, old) =
            (x.clone(), actions.clone(), advantages.clone(), old.clone());
        let grads = model.alloc_grads();
        let (loss, _) = compute_loss(grads, &mut model, x, actions, advantages, old);
        gradient(&model, &loss.backward())
    });

    let run = one_step().of(sam::programs::helper_traces::drive);
    assert_is(&run.step(), &expected);
}

/// What reads the gradients after `backward` reads those of SAM, also of the input.
#[test]
fn the_gradient_of_the_input_is_that_at_the_perturbed_weights() {
    let size = |run: &Run| run.log[0].parse::<f64>().expect("a size");
    let plain = one_step().of(plain::programs::small::input_gradient::drive);
    let perturbed = Run {
        start: Some(perturbed(&plain.before, &plain.step())),
        ..one_step()
    };
    let expected = perturbed.of(plain::programs::small::input_gradient::drive);
    let run = one_step().of(sam::programs::small::input_gradient::drive);
    assert_is(&[size(&run)], &[size(&expected)]);
}
