//! What a guard keeps away is never reached: guards stand where they stand.

/// A guard keeps an index in bounds.
pub(crate) mod guard_index {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        class: &[usize],
        weights: &[f32],
    ) -> usize {
        let mut steps = 0;
        for ((x, y), class) in data.iter().zip(class) {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            if *class >= weights.len() {
                continue;
            }
            let weight = weights[*class];
            let loss = mse_loss(logits, y.clone()) * weight;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            steps += 1;
        }
        steps
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            let class = [0, 9, 1, 9, 0, 9];
            text(train(model, opt, data, &class, &[1.0, 2.0]))
        })
    }
}

/// An iterator goes on for the batches that are not skipped.
pub(crate) mod guard_iter {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
        let mut scales = (1..).map(|i| i as f32);
        let mut used = Vec::new();
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            if i % 2 == 0 {
                continue;
            }
            let scale = scales.next().unwrap();
            let loss = mse_loss(logits, y.clone()) * scale;
            used.push(scale);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A guard looks at the output that the loss would not stand.
pub(crate) mod guard_on_output {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut steps = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            if logits.as_vec()[0] <= 0.0 {
                continue;
            }
            let loss = strict_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            steps += 1;
        }
        steps
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}
