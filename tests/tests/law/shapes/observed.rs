//! What is looked at on its way: losses, targets, iterators.

/// The loss is a field of a struct that is looked at.
pub(crate) mod observer_struct {
    use super::super::*;
    use crate::step::println;

    #[derive(Clone)]
    struct Out<T: Tape<f64, Cpu>> {
        class: Tensor<Rank0, f64, Cpu, T>,
        extra: f64,
    }
    fn losses<T: Tape<f64, Cpu>>(l: Tensor<Rank2<8, 3>, f64, Cpu, T>, y: Y) -> Out<T> {
        Out {
            class: mse_loss(l, y),
            extra: 1.0,
        }
    }
    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let out = losses(logits, y.clone());
            println!("{} {}", out.class.array(), out.extra);
            let grads = out.class.backward();
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

/// A target is printed and then consumed.
pub(crate) mod print_then_move {
    use super::super::*;
    use crate::step::println;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: Vec<(X, Y)>) {
        for (x, y) in data {
            let logits = model.forward_mut(x.traced(model.alloc_grads()));
            println!("{:?}", y.array());
            let target = smooth(y);
            let loss = mse_loss(logits, target);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }
    fn smooth(y: Y) -> Y {
        y * 0.9 + 0.01
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, data);
            model
        })
    }
}

/// A `&mut self` method records the loss before it is scaled.
pub(crate) mod self_record_before_scaling {
    use super::super::*;

    struct T {
        net: Net,
        opt: Opt,
        scale: f64,
        seen: Vec<f64>,
    }
    impl T {
        fn record(&mut self, v: f64) {
            self.seen.push(v)
        }
        #[sam_train(rho = RHO)]
        fn train(&mut self, data: &[(X, Y)]) {
            for (x, y) in data {
                let logits = self.net.forward_mut(x.trace(self.net.alloc_grads()));
                let loss = mse_loss(logits, y.clone());
                self.record(loss.array());
                let loss = loss * self.scale;
                let grads = loss.backward();
                self.opt.update(&mut self.net, &grads).unwrap();
            }
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut t = T {
                net,
                opt,
                scale: 0.5,
                seen: vec![],
            };
            t.train(&data);
            said(format!("{:?}", t.seen));
            t.net
        })
    }
}

/// An iterator of the iteration gives weights to the loss, and goes on behind the step.
pub(crate) mod loop_mut_rng {
    use super::super::*;
    use crate::step::println;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let mut weights = (1..10).map(|k| k as f64);
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone()) * weights.by_ref().take(2).sum::<f64>();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            println!("{}", weights.sum::<f64>());
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// A `let` of its own takes the weights.
pub(crate) mod loop_mut_rng_mended {
    use super::super::*;
    use crate::step::println;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let mut weights = (1..10).map(|k| k as f64);
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let w = weights.by_ref().take(2).sum::<f64>();
            let loss = mse_loss(logits, y.clone()) * w;
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            println!("{}", weights.sum::<f64>());
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}
