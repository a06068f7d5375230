//! What is borrowed while the step is taken.

/// `self` is taken apart.
pub(crate) mod destructured_self {
    use super::super::*;

    struct T {
        net: Net,
        opt: Sgd<Net, f64, Cpu>,
        x: X,
        y: Y,
    }
    impl T {
        #[sam_train(rho = 0.05)]
        fn step(&mut self) {
            let Self { net, opt, x, y } = self;
            let pred = net.forward_mut(x.trace(net.alloc_grads()));
            let loss = mse_loss(pred, y.clone());
            let grads = loss.backward();
            opt.update(net, &grads).unwrap();
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| {
            for (x, y) in data {
                let (net, optimizer) = (model.clone(), opt.clone());
                let mut t = T {
                    net,
                    opt: optimizer,
                    x,
                    y,
                };
                t.step();
                *model = t.net;
            }
        })
    }
}

/// A field by mutable reference.
pub(crate) mod field_by_mutable_reference {
    use super::super::*;

    struct T {
        net: Net,
        opt: Sgd<Net, f64, Cpu>,
        x: X,
        y: Y,
    }
    impl T {
        #[sam_train(rho = 0.05)]
        fn step(&mut self) {
            let y = &mut self.y;
            let pred = self.net.forward_mut(self.x.trace(self.net.alloc_grads()));
            let loss = mse_loss(pred, y.clone());
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| {
            for (x, y) in data {
                let (net, optimizer) = (model.clone(), opt.clone());
                let mut t = T {
                    net,
                    opt: optimizer,
                    x,
                    y,
                };
                t.step();
                *model = t.net;
            }
        })
    }
}

/// Batches by mutable reference.
pub(crate) mod iter_mut {
    use super::super::*;

    #[sam_train(rho = 0.05)]
    fn train(net: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, mut data: Vec<(X, Y)>) {
        for (x, y) in data.iter_mut() {
            let pred = net.forward_mut(x.trace(net.alloc_grads()));
            let loss = mse_loss(pred, y.clone());
            let grads = loss.backward();
            opt.update(net, &grads).unwrap();
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// Batches by reference.
pub(crate) mod iter {
    use super::super::*;

    #[sam_train(rho = 0.05)]
    fn train(net: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        for (x, y) in data.iter() {
            let pred = net.forward_mut(x.trace(net.alloc_grads()));
            let loss = mse_loss(pred, y.clone());
            let grads = loss.backward();
            opt.update(net, &grads).unwrap();
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}
