//! The step under conditions, in blocks, with `cfg`.

/// The step is taken under an `if` that looks at the loss.
pub(crate) mod backward_in_if {
    use super::super::*;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            if loss.array().is_finite() {
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// `backward` is the value of a block that prints first.
pub(crate) mod backward_in_inner_block {
    use super::super::*;
    use crate::step::println;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let grads = {
                println!("{}", loss.array());
                loss.backward()
            };
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// One of two losses is compiled.
pub(crate) mod cfg_loss {
    use super::super::*;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            #[cfg(debug_assertions)]
            let loss = mse_loss(logits, y.clone());
            #[cfg(not(debug_assertions))]
            let loss = mae_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// One of two weights is compiled.
pub(crate) mod cfg_statements {
    use super::super::*;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            #[cfg(not(feature = "weighted"))]
            let w = 1.0;
            #[cfg(feature = "weighted")]
            let w = 2.0;
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}
