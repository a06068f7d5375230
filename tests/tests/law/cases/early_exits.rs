//! What ran before a loop is left has run, and what stands behind it has not.

/// A forward pass is counted before the loop is left.
pub(crate) mod count_then_break {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut extra = data.iter().take(3);
        let mut forwards = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            forwards += 1;
            let Some((_, other)) = extra.next() else {
                break;
            };
            let loss = mse_loss(logits, y.clone() + other.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        forwards
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A batch is counted before `?` leaves.
pub(crate) mod count_then_question {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        seen: &mut usize,
    ) -> Result<(), String> {
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            *seen += 1;
            let loss = fallible_loss(logits, y.clone(), i == 2)?;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        Ok(())
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            let mut seen = 0;
            let result = train(model, opt, data, &mut seen);
            format!("{seen} {result:?}")
        })
    }
}

/// A line is written before the loop is left.
pub(crate) mod log_before_error {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let mut log = Vec::new();
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            log.push(format!("batch {i}: forward done"));
            let Some(target) = (if i == 2 { None } else { Some(y.clone()) }) else {
                break;
            };
            let loss = mse_loss(logits, target);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        log
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A macro hides a `continue`.
pub(crate) mod macro_continue {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut steps = 0;
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = or_continue!(fallible_loss(logits, y.clone(), i == 2));
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

/// A failed assertion shows the expression that was written.
pub(crate) mod assert_text {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            assert!(loss.array() < 0.0);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            train(model, opt, data);
            String::new()
        })
    }
}
