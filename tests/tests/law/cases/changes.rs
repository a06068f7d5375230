//! What the loss changes on its way: by a name, a reference, a function, a closure.

/// A value is taken and ignored before the one that is used.
pub(crate) mod ignored_value {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut queue: VecDeque<f32> = (0..100).map(|i| i as f32 * 0.01).collect();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                let _ = queue.pop_front();
                mse_loss(logits, y.clone()) * queue.pop_front().unwrap()
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        queue.len()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// An assertion takes a value.
pub(crate) mod in_an_assertion {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut queue: VecDeque<f32> = (0..100).map(|i| i as f32 * 0.01).collect();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                assert!(queue.pop_front().is_some());
                mse_loss(logits, y.clone()) * queue.pop_front().unwrap()
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        queue.len()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// What is printed takes a value.
pub(crate) mod in_a_print {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut queue: VecDeque<f32> = (0..100).map(|i| i as f32 * 0.01).collect();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                println!("skipped {:?}", queue.pop_front());
                mse_loss(logits, y.clone()) * queue.pop_front().unwrap()
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        queue.len()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A function is handed the generator that the loss draws from.
pub(crate) mod by_a_function {
    use super::super::*;

    fn skip(rng: &mut StdRng) {
        rng.next_u64();
    }
    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)], rng: &mut StdRng) -> u64 {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                skip(rng);
                mse_loss(logits, y.clone()) * rng.gen_range(0.1_f32..1.0)
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        rng.next_u64()
    }
    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            text(train(model, opt, data, &mut StdRng::seed_from_u64(1)))
        })
    }
}

/// A function changes a cell behind a shared reference.
pub(crate) mod by_a_function_behind_a_reference {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> f32 {
        let weight = Cell::new(0.0_f32);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                bump(&weight);
                mse_loss(logits, y.clone()) * (weight.get() * 0.1)
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        weight.get()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A closure of the block adds up the weight.
pub(crate) mod by_a_closure {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut n = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                let mut total = 0.0_f32;
                let mut add = |v: f32| total += v;
                add(0.1);
                add(0.2);
                mse_loss(logits, y.clone()) * total
            };
            n += 1;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A loop changes the weights by references to them.
pub(crate) mod by_a_loop_over_references {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        ws: &mut Vec<f32>,
    ) -> String {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                for w in ws.iter_mut() {
                    *w += 0.1;
                }
                mse_loss(logits, y.clone()) * ws[0]
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        format!("{ws:?}")
    }
    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            text(train(model, opt, data, &mut vec![0.0; 3]))
        })
    }
}

/// The same with `for_each`.
pub(crate) mod by_for_each {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> String {
        let mut ws = vec![0.0_f32; 3];
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                ws.iter_mut().for_each(|w| {
                    *w += 0.1;
                });
                mse_loss(logits, y.clone()) * ws[0]
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        format!("{ws:?}")
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// What an option holds is changed by a reference.
pub(crate) mod by_as_mut {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> f32 {
        let mut ramp = Some(0.0_f32);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                if let Some(w) = ramp.as_mut() {
                    *w += 0.1;
                }
                mse_loss(logits, y.clone()) * ramp.as_ref().copied().unwrap()
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        ramp.unwrap()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The same of a parameter that is a `&mut`.
pub(crate) mod by_if_let {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        ramp: &mut Option<f32>,
    ) -> f32 {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                if let Some(w) = ramp {
                    *w += 0.1;
                }
                mse_loss(logits, y.clone()) * ramp.unwrap_or(1.0)
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        ramp.unwrap()
    }
    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            text(train(model, opt, data, &mut Some(0.0)))
        })
    }
}

/// A reference of the block changes the weight.
pub(crate) mod by_a_reference {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> f32 {
        let mut weight = 0.0_f32;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                let w = &mut weight;
                *w += 0.1;
                mse_loss(logits, y.clone()) * weight.abs()
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        weight
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// Parts of a vector are swapped.
pub(crate) mod by_parts {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> String {
        let mut ws = vec![0.1_f32, 0.2, 0.3, 0.4];
        for (x, y) in data {
            let loss = {
                let (a, b) = ws.split_at_mut(2);
                a.swap_with_slice(b);
                mse_loss(model.forward_mut(x.trace(model.alloc_grads())), y.clone()) * ws[0]
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        format!("{ws:?}")
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A guard changes what a `RefCell` holds.
pub(crate) mod by_a_guard {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> f32 {
        let weight = RefCell::new(0.0_f32);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                let mut w = weight.borrow_mut();
                *w += 0.1;
                drop(w);
                mse_loss(logits, y.clone()) * *weight.borrow()
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        weight.into_inner()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A guard is dropped before the next one is taken.
pub(crate) mod by_a_guard_that_is_dropped {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> f32 {
        let weight = Mutex::new(0.0_f32);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = {
                let mut w = weight.lock().unwrap();
                *w += 0.1;
                let now = *w;
                drop(w);
                let again = *weight.lock().unwrap();
                mse_loss(logits, y.clone()) * (now + again)
            };
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        weight.into_inner().unwrap()
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A term of the loss is pushed by another name of the vector.
pub(crate) mod terms_by_an_alias {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut n = 0;
        for (x, y) in data {
            let mut terms: Vec<Loss> = Vec::new();
            let a = mse_loss(model.forward(x.trace(model.alloc_grads())), y.clone());
            let b = mse_loss(model.forward(x.leaky_trace()), y.clone()) * 3.0;
            terms.push(a);
            let list = &mut terms;
            list.push(b);
            let mut terms = terms.into_iter();
            let mut loss = terms.next().unwrap();
            for t in terms {
                loss = loss + t;
                n += 1;
            }
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The weights of the terms are changed in a loop.
pub(crate) mod terms_in_a_loop {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut n = 0;
        for (x, y) in data {
            let a = mse_loss(model.forward(x.trace(model.alloc_grads())), y.clone());
            let b = mse_loss(model.forward(x.leaky_trace()), y.clone());
            let mut terms = vec![(1.0_f32, a), (1.0, b)];
            for (w, _) in terms.iter_mut() {
                *w *= 0.25;
                n += 1;
            }
            let mut it = terms.into_iter().map(|(w, t)| t * w);
            let loss = it.next().unwrap() + it.next().unwrap();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The weight of the last term is changed by a reference to it.
pub(crate) mod last_term {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut n = 0;
        for (x, y) in data {
            let a = mse_loss(model.forward(x.trace(model.alloc_grads())), y.clone());
            let b = mse_loss(model.forward(x.leaky_trace()), y.clone());
            let mut terms = vec![(1.0_f32, a), (1.0, b)];
            let last = terms.last_mut().unwrap();
            last.0 *= 0.25;
            n += 1;
            let mut it = terms.into_iter().map(|(w, t)| t * w);
            let loss = it.next().unwrap() + it.next().unwrap();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A function without arguments counts how often it is called.
pub(crate) mod initial_value {
    use super::super::*;

    thread_local!(static N: Cell<u32> = const { Cell::new(0) });
    fn next_scale() -> f32 {
        N.with(|n| {
            n.set(n.get() + 1);
            0.1 * n.get() as f32
        })
    }
    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> u32 {
        N.with(|n| n.set(0));
        for (x, y) in data {
            let a = mse_loss(model.forward_mut(x.trace(model.alloc_grads())), y.clone());
            let mut scale = next_scale();
            if a.array() > 1.0 {
                scale *= 0.5;
            }
            scale += a.array() * 0.01;
            let loss = a * scale;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        N.with(|n| n.get())
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// With `m`: a cell that the loss replaces and a statement reads.
pub(crate) mod cell_in_chunks {
    use super::super::*;

    #[sam_train(rho = 1e-30, m = 4)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> (f32, Vec<f32>) {
        let w = Cell::new(0.0_f32);
        let mut seen = Vec::new();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.trace(model.alloc_grads())), y.clone())
                * w.replace(0.5);
            seen.push(w.get());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        (w.get(), seen)
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// With `m`: an atomic that the loss counts in.
pub(crate) mod atomic_in_chunks {
    use super::super::*;

    #[sam_train(rho = 1e-30, m = 4)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let n = AtomicUsize::new(1);
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss =
                mse_loss(logits, y.clone()) * (n.fetch_add(1, Ordering::SeqCst) as f32 * 0.1);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        n.load(Ordering::SeqCst)
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A later line of the loss counts, in a part that the replay leaves out.
pub(crate) mod counted_in_a_later_line {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)], steps: &mut usize) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let mut loss = mse_loss(logits, y.clone()) * (*steps as f32 * 0.25);
            for by in [1.0, 0.0, 0.5] {
                if by == 0.0 {
                    *steps += 1;
                    continue;
                }
                loss = loss * by;
            }
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| {
            let mut steps = 1;
            train(model, opt, data, &mut steps);
            text(steps)
        })
    }
}

/// A number has another of its name before `backward`.
pub(crate) mod number_bound_anew {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<f32> {
        let mut weights = Vec::new();
        for (x, y) in data {
            let weight = 0.75;
            let logits = model.forward_mut(x.trace(model.alloc_grads())) * (weight + 0.25);
            let loss = mse_loss(logits, y.clone());
            let weight = weight * 0.5 + 0.125;
            weights.push(weight);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        weights
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}
