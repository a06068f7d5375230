//! Loops and assignments between the forward pass and the loss run once, and to their end.

/// A loop that builds the loss also counts.
pub(crate) mod inner_continue {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut skipped = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let mut loss = mse_loss(logits, y.clone());
            for k in 0..4 {
                if k % 2 == 0 {
                    skipped += 1;
                    continue;
                }
                loss = loss * 0.9;
            }
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        skipped
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The terms are chosen and counted first.
pub(crate) mod inner_continue_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut skipped = 0;
        for (x, y) in data {
            let terms: Vec<usize> = (0..4).filter(|k| k % 2 != 0).collect();
            skipped += 4 - terms.len();
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let mut loss = mse_loss(logits, y.clone());
            for _ in &terms {
                loss = loss * 0.9;
            }
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        skipped
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A loop that builds the loss counts the terms that it leaves out.
pub(crate) mod skipped_terms {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let weights = [0.0, 0.5, 0.0, 0.5];
        let mut skipped = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let mut loss = mse_loss(logits, y.clone());
            for w in weights {
                if w == 0.0 {
                    skipped += 1;
                    continue;
                }
                loss = loss * w;
            }
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        skipped
    }

    pub(crate) fn run() -> Seen {
        observe(4, |model, opt, data| text(train(model, opt, data)))
    }
}

/// Counted apart, the loop changes the loss alone, and may `continue`.
pub(crate) mod skipped_terms_mended {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let weights = [0.0, 0.5, 0.0, 0.5];
        let mut skipped = 0;
        for (x, y) in data {
            skipped += weights.iter().filter(|w| **w == 0.0).count();
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let mut loss = mse_loss(logits, y.clone());
            for w in weights {
                if w == 0.0 {
                    continue;
                }
                loss = loss * w;
            }
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        skipped
    }

    pub(crate) fn run() -> Seen {
        observe(4, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A loop looks for a weight and breaks.
pub(crate) mod search_loop {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let levels = [3, 2, 1, 0];
        let mut used = Vec::new();
        let mut weight = 1.0;
        for (i, (x, y)) in data.iter().enumerate() {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            for level in levels {
                if i >= level {
                    weight = 1.0 + level as f32;
                    break;
                }
            }
            let loss = mse_loss(logits, y.clone()) * weight;
            used.push(format!("{:.3}", loss.array()));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(4, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A loop draws until it accepts.
pub(crate) mod rejection {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let mut rng = StdRng::seed_from_u64(0);
        let mut used = Vec::new();
        let mut weight = 0.0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            loop {
                let c = rng.gen_range(0.0..1.0_f32);
                if c > 0.5 {
                    weight = c;
                    break;
                }
            }
            let loss = mse_loss(logits, y.clone()) * weight;
            used.push(format!("{:.3}", loss.array()));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(4, |model, opt, data| text(train(model, opt, data)))
    }
}

/// A destructuring assignment swaps two weights.
pub(crate) mod array_assign {
    use super::super::*;

    #[sam_train(rho = 1e-30)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let (mut a, mut b) = (1.0, 2.0);
        let mut used = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            [a, b] = [b, a];
            let loss = mse_loss(logits, y.clone()) * a;
            used.push(format!("{:.4}", loss.array()));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        used
    }

    pub(crate) fn run() -> Seen {
        observe(4, |model, opt, data| text(train(model, opt, data)))
    }
}
