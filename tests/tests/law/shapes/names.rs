//! Names that mean something else.

/// Names as mathematics has them.
pub(crate) mod capital_names {
    use super::super::*;

    #[allow(non_snake_case)]
    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: Vec<(X, Y)>) {
        for (X, Y) in data {
            let P = model.forward_mut(X.traced(model.alloc_grads()));
            let L = mse_loss(P, Y);
            let grads = L.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, data);
            model
        })
    }
}

/// A meter has an `update` that is no optimizer's.
pub(crate) mod average_meter {
    use super::super::*;

    #[derive(Default)]
    struct Meter {
        sum: f64,
        n: usize,
    }
    impl Meter {
        fn update(&mut self, value: f64, n: usize) {
            self.sum += value * n as f64;
            self.n += n;
        }
    }
    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        let mut losses = Meter::default();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let value = loss.array();
            opt.update(model, &loss.backward()).unwrap();
            losses.update(value, 8);
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// A meter in a field has an `update` that is no optimizer's.
pub(crate) mod average_meter_field {
    use super::super::*;

    #[derive(Default)]
    struct Meter {
        sum: f64,
        n: usize,
    }
    impl Meter {
        fn update(&mut self, value: f64, n: usize) {
            self.sum += value * n as f64;
            self.n += n;
        }
    }
    struct T {
        net: Net,
        opt: Opt,
        grads: Option<Gradients<f64, Cpu>>,
        losses: Meter,
    }
    impl T {
        #[sam_train(rho = RHO)]
        fn train(&mut self, data: &[(X, Y)]) {
            for (x, y) in data {
                let logits = self.net.forward_mut(x.trace(self.net.alloc_grads()));
                let loss = mse_loss(logits, y.clone());
                let value = loss.array();
                self.grads = Some(loss.backward());
                self.losses.update(value, 8);
                self.opt
                    .update(&mut self.net, self.grads.as_ref().unwrap())
                    .unwrap();
            }
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|net, opt, data| {
            let mut t = T {
                net,
                opt,
                grads: None,
                losses: Meter::default(),
            };
            t.train(&data);
            said(t.losses.sum);
            t.net
        })
    }
}

/// The loss has the name of the criterion that computes it, which is not `Clone`.
pub(crate) mod criterion_called_loss {
    use super::super::*;

    struct Scaled(f64);
    impl Scaled {
        fn forward(&self, output: Logits, y: Y) -> Loss {
            mse_loss(output, y) * self.0
        }
    }
    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        let loss = Scaled(0.5);
        for (x, y) in data {
            let output = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = loss.forward(output, y.clone());
            println!("{}", loss.array());
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

/// The same with references: to a criterion, a function and a weight.
pub(crate) mod parameters_bound_anew {
    use super::super::*;

    struct Scaled(f64);
    impl Scaled {
        fn forward(&self, output: Logits, y: &Y) -> Loss {
            mse_loss(output, y.clone()) * self.0
        }
    }
    #[sam_train(rho = RHO)]
    fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        loss: &Scaled,
        output: impl Fn(Logits) -> Logits,
        weights: &[f64],
    ) {
        for (x, y) in data {
            let output = output(model.forward_mut(x.trace(model.alloc_grads())));
            let loss = loss.forward(output, y) * weights[1];
            let weights = loss.array();
            println!("{weights}");
            let y = loss;
            let grads = y.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            let half = |output: Logits| output * 0.5;
            train(&mut model, &mut opt, &data, &Scaled(0.5), half, &[0.0, 3.0]);
            model
        })
    }
}

/// A literal has the name of what the loss makes of it, and a field that of the loss.
pub(crate) mod settings_bound_anew {
    use super::super::*;

    struct Settings {
        loss: fn(Logits, Y) -> Loss,
        weights: Vec<f64>,
    }
    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)], settings: &Settings) {
        let scale = 0.5;
        for (x, y) in data {
            let output = model.forward_mut(x.trace(model.alloc_grads())) * scale;
            let scale = (settings.loss)(output, y.clone()) * settings.weights[0] * scale;
            let settings = scale;
            let grads = settings.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            let settings = Settings {
                loss: mse_loss,
                weights: vec![2.0],
            };
            train(&mut model, &mut opt, &data, &settings);
            model
        })
    }
}
