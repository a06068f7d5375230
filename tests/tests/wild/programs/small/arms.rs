//! The input is traced in the arms of an `if` or a `match`.

/// With gradients that are kept or none.
pub(crate) mod if_let {
    use super::super::*;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = Some(model.alloc_grads());
        for (i, (x, y)) in data.into_iter().enumerate() {
            let g = grads.take();
            let x = if let Some(g) = g {
                x.traced(g)
            } else {
                x.leaky_traced()
            };
            let loss = mse_loss(model.forward_mut(x), y);
            let g = loss.backward();
            opt.update(model, &g).unwrap();
            grads = (i % 2 == 0).then_some(g);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// With gradients that are taken.
pub(crate) mod of_a_match {
    use super::super::*;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = Some(model.alloc_grads());
        for (x, y) in data {
            let x = match grads.take() {
                Some(g) => x.traced(g),
                None => x.leaky_traced(),
            };
            let loss = mse_loss(model.forward_mut(x), y);
            let g = loss.backward();
            opt.update(model, &g).unwrap();
            grads = Some(g);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// Both arms run the model.
pub(crate) mod forward_in_both {
    use super::super::*;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>, noisy: bool) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let pred = if noisy {
                model.forward_mut((x * 0.5).traced(grads))
            } else {
                model.forward_mut(x.traced(grads))
            };
            let loss = mse_loss(pred, y);
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data, true))
    }
}
