//! What a model keeps beside its weights advances as it does without the attribute.

/// A module counts its passes.
pub(crate) mod stateful {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Counting,
        opt: &mut Sgd<Counting, f32, Cpu>,
        data: &[(X, Y)],
    ) -> usize {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        model.calls
    }

    pub(crate) fn run() -> Seen {
        observe(3, |model, opt, data| {
            let calls = train(model, opt, data);
            format!(
                "{calls} calls {} last {}",
                model.calls,
                model.last.is_some()
            )
        })
    }
}

/// A module forgets between two passes of one step.
pub(crate) mod reset_between {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Counting,
        opt: &mut Sgd<Counting, f32, Cpu>,
        data: &[(X, Y)],
    ) -> Vec<String> {
        let mut losses = Vec::new();
        for (x, y) in data {
            model.reset();
            let a = model.forward_mut(x.trace(model.alloc_grads()));
            model.reset();
            let b = model.forward_mut(x.clone());
            let loss = mse_loss(a - b, y.clone());
            losses.push(format!("{:.4}", loss.array()));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        losses
    }

    pub(crate) fn run() -> Seen {
        observe(3, |model, opt, data| {
            let losses = train(model, opt, data);
            format!(
                "{losses:?} calls {} last {}",
                model.calls,
                model.last.is_some()
            )
        })
    }
}

/// The same under a method that takes more than one pass at perturbed weights.
pub(crate) mod reset_between_passes {
    use super::super::*;

    #[sam_train(rho = 1e-30, steps = 2)]
    pub(crate) fn train(
        model: &mut Counting,
        opt: &mut Sgd<Counting, f32, Cpu>,
        data: &[(X, Y)],
    ) -> Vec<String> {
        let mut losses = Vec::new();
        for (x, y) in data {
            model.reset();
            let a = model.forward_mut(x.trace(model.alloc_grads()));
            model.reset();
            let b = model.forward_mut(x.clone());
            let loss = mse_loss(a - b, y.clone());
            losses.push(format!("{:.4}", loss.array()));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        losses
    }

    pub(crate) fn run() -> Seen {
        observe(3, |model, opt, data| {
            let losses = train(model, opt, data);
            format!(
                "{losses:?} calls {} last {}",
                model.calls,
                model.last.is_some()
            )
        })
    }
}
