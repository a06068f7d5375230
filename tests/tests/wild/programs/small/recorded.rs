//! The loss is recorded where the scale of the loss is kept.

/// A sum in `self`.
pub(crate) mod total_of_self {
    use super::super::*;
    use crate::harness::rec;

    struct T {
        net: Net,
        opt: Sgd<Net, f64, Cpu>,
        total: f64,
        scale: f64,
    }
    impl T {
        #[sam_train(rho = 0.05)]
        fn step(&mut self, x: X, y: Y) {
            let mse = mse_loss(self.net.forward_mut(x.traced(self.net.alloc_grads())), y);
            self.total += mse.array();
            let loss = mse * self.scale;
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| {
            let (net, opt) = (model.clone(), opt.clone());
            let mut t = T {
                net,
                opt,
                total: 0.0,
                scale: 0.5,
            };
            for (x, y) in data {
                t.step(x, y);
            }
            rec(format!("{:?}", t.total));
            *model = t.net;
        })
    }
}

/// A sum in an argument.
pub(crate) mod total_of_an_argument {
    use super::super::*;
    use crate::harness::rec;

    struct Stats {
        total: f64,
        scale: f64,
    }
    #[sam_train(rho = 0.05)]
    fn step(net: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, stats: &mut Stats, x: X, y: Y) {
        let mse = mse_loss(net.forward_mut(x.traced(net.alloc_grads())), y);
        stats.total += mse.array();
        let loss = mse * stats.scale;
        let grads = loss.backward();
        opt.update(net, &grads).unwrap();
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| {
            let mut stats = Stats {
                total: 0.0,
                scale: 0.5,
            };
            for (x, y) in data {
                step(model, opt, &mut stats, x, y);
            }
            rec(stats.total.to_string());
        })
    }
}

/// A list in `self`.
pub(crate) mod list_of_self {
    use super::super::*;
    use crate::harness::rec;

    struct T {
        net: Net,
        opt: Sgd<Net, f64, Cpu>,
        losses: Vec<f64>,
        scale: f64,
    }
    impl T {
        #[sam_train(rho = 0.05)]
        fn step(&mut self, x: X, y: Y) {
            let mse = mse_loss(self.net.forward_mut(x.traced(self.net.alloc_grads())), y);
            self.losses.push(mse.array());
            let loss = mse * self.scale;
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| {
            let (net, opt) = (model.clone(), opt.clone());
            let mut t = T {
                net,
                opt,
                losses: vec![],
                scale: 0.5,
            };
            for (x, y) in data {
                t.step(x, y);
            }
            rec(format!("{:?}", t.losses));
            *model = t.net;
        })
    }
}

/// A method of `self`.
pub(crate) mod method_of_self {
    use super::super::*;
    use crate::harness::rec;

    struct T {
        net: Net,
        opt: Sgd<Net, f64, Cpu>,
        losses: Vec<f64>,
        scale: f64,
    }
    impl T {
        fn note(&mut self, l: f64) {
            self.losses.push(l);
        }
        #[sam_train(rho = 0.05)]
        fn step(&mut self, x: X, y: Y) {
            let mse = mse_loss(self.net.forward_mut(x.traced(self.net.alloc_grads())), y);
            self.note(mse.array());
            let loss = mse * self.scale;
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).unwrap();
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| {
            let (net, opt) = (model.clone(), opt.clone());
            let mut t = T {
                net,
                opt,
                losses: vec![],
                scale: 0.5,
            };
            for (x, y) in data {
                t.step(x, y);
            }
            rec(format!("{:?}", t.losses));
            *model = t.net;
        })
    }
}

/// A sum in the argument that has the model.
pub(crate) mod total_beside_the_model {
    use super::super::*;
    use crate::harness::rec;

    struct T {
        net: Net,
        opt: Sgd<Net, f64, Cpu>,
        total: f64,
        scale: f64,
    }
    #[sam_train(rho = 0.05)]
    fn step(t: &mut T, x: X, y: Y) {
        let mse = mse_loss(t.net.forward_mut(x.traced(t.net.alloc_grads())), y);
        t.total += mse.array();
        let loss = mse * t.scale;
        let grads = loss.backward();
        t.opt.update(&mut t.net, &grads).unwrap();
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| {
            let (net, opt) = (model.clone(), opt.clone());
            let mut t = T {
                net,
                opt,
                total: 0.0,
                scale: 0.5,
            };
            for (x, y) in data {
                step(&mut t, x, y);
            }
            rec(format!("{:?}", t.total));
            *model = t.net;
        })
    }
}
