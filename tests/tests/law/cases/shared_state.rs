//! What changes behind a shared reference changes where it stands: cells, locks, scopes, time.

/// A function gets a shared reference to a cell.
pub(crate) mod call_with_shared_ref {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
        let weight = Cell::new(0.0);
        let mut used = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            bump(&weight);
            let w = weight.get();
            let loss = mse_loss(logits, y.clone()) * w;
            used.push(w);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A `RefCell` is changed in a statement.
pub(crate) mod refcell_statement {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
        let weight = RefCell::new(0.0_f32);
        let mut used = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            *weight.borrow_mut() += 1.0;
            let w = *weight.borrow();
            let loss = mse_loss(logits, y.clone()) * w;
            used.push(w);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A mutex is locked in a statement.
pub(crate) mod mutex_statement {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
        let schedule = Arc::new(Mutex::new(Ramp::default()));
        let mut used = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            schedule.lock().unwrap().step();
            let w = schedule.lock().unwrap().weight();
            let loss = mse_loss(logits, y.clone()) * w;
            used.push(w);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A pattern binds a `&mut` to a lock, which the loss reads and a later statement changes.
pub(crate) mod mutex_behind_a_pattern {
    use super::super::*;

    struct Trainer {
        net: Net,
        opt: Opt,
        weight: Mutex<f32>,
    }

    impl Trainer {
        #[allow(clippy::mut_mutex_lock, reason = "a lock out of a pattern")]
        #[sam_train(rho = 1e-30)]
        pub(crate) fn train(&mut self, data: &[(X, Y)]) -> f32 {
            let Self { net, opt, weight } = self;
            for (x, y) in data {
                let logits = net.forward_mut(x.trace(net.alloc_grads()));
                let loss = mse_loss(logits, y.clone()) * *weight.lock().unwrap();
                *weight.lock().unwrap() += 0.5;
                let grads = loss.backward();
                opt.update(net, &grads).unwrap();
            }
            *self.weight.lock().unwrap()
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model: &mut Net, opt: &mut Opt, data| {
            let mut trainer = Trainer {
                net: model.clone(),
                opt: opt.clone(),
                weight: Mutex::new(1.0),
            };
            let weight = trainer.train(data);
            *model = trainer.net;
            text(weight)
        })
    }
}

/// A loop binds references to cells, one of which the loss reads and a later statement changes.
pub(crate) mod cell_of_an_iterator {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
        let weights: Vec<Cell<f32>> = data.iter().map(|_| Cell::new(1.0)).collect();
        for (weight, (x, y)) in weights.iter().zip(data) {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * weight.get();
            weight.set(weight.get() + 0.5);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        weights.into_iter().map(Cell::into_inner).collect()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A field that may be missing is changed in an `if let`.
pub(crate) mod field_as_mut {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
        let mut state = State {
            ramp: Some(Ramp::default()),
        };
        let mut used = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            if let Some(ramp) = state.ramp.as_mut() {
                ramp.step();
            }
            let w = state.ramp.as_ref().map_or(1.0, |ramp| ramp.weight());
            let loss = mse_loss(logits, y.clone()) * w;
            used.push(w);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A guard of a lock is dropped before the lock is taken again.
pub(crate) mod drop_guard {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let stats = Mutex::new(1.0_f32);
        let mut steps = 0;
        for (x, y) in data {
            let guard = stats.lock().unwrap();
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            drop(guard);
            let w = *stats.lock().unwrap();
            let loss = mse_loss(logits, y.clone()) * w;
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

/// Time is taken around the loss.
pub(crate) mod timer {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<&'static str> {
        let mut all = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let t = Instant::now();
            let loss = slow_loss(logits, y.clone());
            let took = t.elapsed();
            all.push(if took.as_millis() >= 20 {
                "slow loss"
            } else {
                "fast loss"
            });
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        all
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A cell of the iteration is set in the block of the loss.
pub(crate) mod cell_lost {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<usize> {
        let mut all = Vec::new();
        for (x, y) in data {
            let terms = Cell::new(0);
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                terms.set(terms.get() + 1);
                mse_loss(logits, y.clone())
            };
            all.push(terms.get());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        all
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A list of the iteration grows in the block of the loss.
pub(crate) mod refcell_lost {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<usize> {
        let mut all = Vec::new();
        for (x, y) in data {
            let seen = RefCell::new(Vec::new());
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                let loss = mse_loss(logits, y.clone());
                seen.borrow_mut().push(loss.array());
                loss
            };
            all.push(seen.borrow().len());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        all
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A scope says when the loss is entered and left; the loss says so itself.
pub(crate) mod raii {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let log = RefCell::new(vec![]);
        for (x, y) in &data[..1] {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let scope = Scope::new(&log, "loss");
            let loss = logged_loss(logits, y.clone(), &log);
            drop(scope);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        log.into_inner()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// What the loss would say is said beside it.
pub(crate) mod raii_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let log = RefCell::new(vec![]);
        for (x, y) in &data[..1] {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let scope = Scope::new(&log, "loss");
            log.borrow_mut().push("loss".to_owned());
            let loss = mse_loss(logits, y.clone());
            drop(scope);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        log.into_inner()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// An atomic counts inside the loss.
pub(crate) mod atomic_in_loss {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let n = AtomicUsize::new(0);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * (n.fetch_add(1, Ordering::SeqCst) as f32);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n.load(Ordering::SeqCst)
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The count is taken in a `let` of its own.
pub(crate) mod atomic_in_loss_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let n = AtomicUsize::new(0);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let count = n.fetch_add(1, Ordering::SeqCst) as f32;
            let loss = mse_loss(logits, y.clone()) * count;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n.load(Ordering::SeqCst)
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A value with a `Display` of its own is written inside the loss.
pub(crate) mod print_in_slice {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let before = shown();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                let _ = format!("batch {}", Show);
                mse_loss(logits, y.clone())
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        shown() - before
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// It is written before the loss.
pub(crate) mod print_in_slice_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let before = shown();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let _ = format!("batch {}", Show);
            let loss = mse_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        shown() - before
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}
