//! The model is run by a method of its owner. SAM's gradient is that at the perturbed weights of the
//! owner's model, for an owner that is `Clone`; another is refused.

/// A method of the owner runs the model.
pub(crate) mod forward_method {
    use super::super::*;

    #[derive(Clone)]
    struct Trainer {
        net: Net,
        opt: Opt,
    }
    impl Trainer {
        fn forward(&self, x: Traced) -> Logits {
            self.net.forward(x)
        }

        #[sam_train(rho = RHO)]
        fn step(&mut self, x: &X, y: &Y) -> f64 {
            let logits = self.forward(x.trace(self.net.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
            value
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut trainer = Trainer { net, opt };
            for (x, y) in &data {
                said(trainer.step(x, y));
            }
            trainer.net
        })
    }
}

/// A `&mut self` method of the owner runs the model.
pub(crate) mod forward_mut_method {
    use super::super::*;

    #[derive(Clone)]
    struct Trainer {
        net: Net,
        opt: Opt,
    }
    impl Trainer {
        fn forward(&mut self, x: Traced) -> Logits {
            self.net.forward_mut(x)
        }

        #[sam_train(rho = RHO)]
        fn step(&mut self, x: &X, y: &Y) -> f64 {
            let logits = self.forward(x.trace(self.net.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
            value
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut trainer = Trainer { net, opt };
            for (x, y) in &data {
                said(trainer.step(x, y));
            }
            trainer.net
        })
    }
}

/// A method of the owner computes the whole loss.
pub(crate) mod loss_method {
    use super::super::*;

    #[derive(Clone)]
    struct Trainer {
        net: Net,
        opt: Opt,
    }
    impl Trainer {
        fn loss(&self, x: Traced, y: Y) -> Loss {
            mse_loss(self.net.forward(x), y)
        }

        #[sam_train(rho = RHO)]
        fn step(&mut self, x: &X, y: &Y) -> f64 {
            let loss = self.loss(x.trace(self.net.alloc_grads()), y.clone());
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
            value
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut trainer = Trainer { net, opt };
            for (x, y) in &data {
                said(trainer.step(x, y));
            }
            trainer.net
        })
    }
}

/// A method runs the model of an owner that is not `Clone`.
pub(crate) mod owner_without_clone {
    use super::super::*;

    struct Trainer {
        net: Net,
        opt: Opt,
    }
    impl Trainer {
        fn forward(&self, x: Traced) -> Logits {
            self.net.forward(x)
        }

        #[refused(rho = RHO)]
        fn step(&mut self, x: &X, y: &Y) -> f64 {
            let logits = self.forward(x.trace(self.net.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
            value
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut trainer = Trainer { net, opt };
            for (x, y) in &data {
                said(trainer.step(x, y));
            }
            trainer.net
        })
    }
}

/// The model is run where it is.
pub(crate) mod owner_without_clone_mended {
    use super::super::*;

    struct Trainer {
        net: Net,
        opt: Opt,
    }
    impl Trainer {
        #[sam_train(rho = RHO)]
        fn step(&mut self, x: &X, y: &Y) -> f64 {
            let logits = self.net.forward(x.trace(self.net.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
            value
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut trainer = Trainer { net, opt };
            for (x, y) in &data {
                said(trainer.step(x, y));
            }
            trainer.net
        })
    }
}

/// Another name of the model runs it.
pub(crate) mod alias_of_the_model {
    use super::super::*;

    struct Trainer {
        net: Net,
        opt: Opt,
    }
    impl Trainer {
        #[sam_train(rho = RHO)]
        fn step(&mut self, x: &X, y: &Y) -> f64 {
            let net = &self.net;
            let logits = net.forward(x.trace(self.net.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
            value
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut trainer = Trainer { net, opt };
            for (x, y) in &data {
                said(trainer.step(x, y));
            }
            trainer.net
        })
    }
}

/// It is run by the name that is updated.
pub(crate) mod alias_of_the_model_mended {
    use super::super::*;

    struct Trainer {
        net: Net,
        opt: Opt,
    }
    impl Trainer {
        #[sam_train(rho = RHO)]
        fn step(&mut self, x: &X, y: &Y) -> f64 {
            let logits = self.net.forward(x.trace(self.net.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
            value
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut trainer = Trainer { net, opt };
            for (x, y) in &data {
                said(trainer.step(x, y));
            }
            trainer.net
        })
    }
}
