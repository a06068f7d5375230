//! What changes something inside the loss itself is refused: it would happen in both passes. A `let`
//! of its own before the slice is always right.

/// A closure that scales the loss counts its calls.
pub(crate) mod closure_in_slice {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut n = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let mut scaled = |l: Tensor<Rank0, f32, Cpu, _>| {
                n += 1;
                return l * 2.0;
            };
            let loss = scaled(mse_loss(logits, y.clone()));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The calls are counted where they are made.
pub(crate) mod closure_in_slice_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut n = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let scaled = |l: Tensor<Rank0, f32, Cpu, _>| l * 2.0;
            n += 1;
            let loss = scaled(mse_loss(logits, y.clone()));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The weight comes from an `FnMut`.
pub(crate) mod fn_mut_param {
    use super::super::*;

    #[refused(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        weight: &mut dyn FnMut() -> f32,
    ) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * weight();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            let mut calls = 0;
            train(model, opt, data, &mut || {
                calls += 1;
                calls as f32
            });
            format!("calls {calls}")
        })
    }
}

/// A `let` of its own.
pub(crate) mod fn_mut_param_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        weight: &mut dyn FnMut() -> f32,
    ) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let w = weight();
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            let mut calls = 0;
            train(model, opt, data, &mut || {
                calls += 1;
                calls as f32
            });
            format!("calls {calls}")
        })
    }
}

/// The weight comes from a `&mut` method of an argument.
pub(crate) mod mut_param_method {
    use super::super::*;

    #[refused(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)], ramp: &mut Ramp) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * ramp.step();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            let mut ramp = Ramp::default();
            train(model, opt, data, &mut ramp);
            text(ramp)
        })
    }
}

/// A `let` of its own.
pub(crate) mod mut_param_method_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)], ramp: &mut Ramp) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let w = ramp.step();
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            let mut ramp = Ramp::default();
            train(model, opt, data, &mut ramp);
            text(ramp)
        })
    }
}

/// The weight comes from a `&mut` method of what may be missing.
pub(crate) mod option_as_mut {
    use super::super::*;

    #[refused(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut ramp = Some(Ramp::default());
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * ramp.as_mut().map_or(1.0, |ramp| ramp.step());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        ramp.unwrap().calls
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A `let` of its own.
pub(crate) mod option_as_mut_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut ramp = Some(Ramp::default());
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let w = ramp.as_mut().map_or(1.0, |ramp| ramp.step());
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        ramp.unwrap().calls
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The weight is taken from a queue.
pub(crate) mod pop_front {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut queue: VecDeque<f32> = (0..100).map(|i| i as f32).collect();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * queue.pop_front().unwrap();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        queue.len()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A `let` of its own.
pub(crate) mod pop_front_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut queue: VecDeque<f32> = (0..100).map(|i| i as f32).collect();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let w = queue.pop_front().unwrap();
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        queue.len()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The weight is taken from one of several stacks.
pub(crate) mod index_pop {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut queues = vec![vec![1.0_f32; 20]; 2];
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * queues[i % 2].pop().unwrap();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        queues[0].len() + queues[1].len()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A `let` of its own.
pub(crate) mod index_pop_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut queues = vec![vec![1.0_f32; 20]; 2];
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let w = queues[i % 2].pop().unwrap();
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        queues[0].len() + queues[1].len()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The weight is drawn from a generator.
pub(crate) mod raw_gen {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> u64 {
        let mut rng = StdRng::seed_from_u64(0);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * rng.r#gen::<f32>();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        rng.next_u64()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A `let` of its own.
pub(crate) mod raw_gen_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> u64 {
        let mut rng = StdRng::seed_from_u64(0);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let w = rng.r#gen::<f32>();
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        rng.next_u64()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}
