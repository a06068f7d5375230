//! With `m`, what reads the loss sees that of the whole batch.

/// The values of a loss are read as a vector.
pub(crate) mod as_vec_m {
    use super::super::*;

    #[sam_train(rho = 1e-30, m = 2)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let mut losses = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            losses.push(format!("{:.4}", loss.as_vec()[0]));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        losses
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}
