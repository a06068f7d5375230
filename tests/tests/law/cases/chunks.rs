//! With `m`, what reads the loss sees that of the whole batch.

/// The values of a loss are read as a vector.
pub(crate) mod as_vec_m {
    use super::super::*;

    #[sam_train(rho = 1e-30, m = 2)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> Vec<String> {
        let mut losses = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            losses.push(format!("{:.4}", loss.as_vec()[0]));
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        losses
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The loss increments a counter and divides by it, and draws a number: once for the batch.
pub(crate) mod counted_and_drawn_m {
    use super::super::*;

    struct Trainer {
        net: Net,
        opt: Opt,
        seen: usize,
    }

    impl Trainer {
        #[sam_train(rho = 1e-30, m = 4)]
        pub(crate) fn train(&mut self, data: &[(X, Y)], rng: &mut StdRng) -> usize {
            let mut steps = 0;
            for (x, y) in data {
                let logits = self.net.forward_mut(x.trace(self.net.alloc_grads()));
                let logits = {
                    steps += 1;
                    logits * (1.0 / steps as f32)
                };
                let logits = logits * rng.gen_range(0.5..1.5);
                let grads = {
                    self.seen += 1;
                    mse_loss(logits, y.clone()) * self.seen as f32
                }
                .backward();
                self.opt.update(&mut self.net, &grads).unwrap();
            }
            steps
        }
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model: &mut Net, opt: &mut Opt, data| {
            let mut trainer = Trainer {
                net: model.clone(),
                opt: opt.clone(),
                seen: 0,
            };
            let mut rng = StdRng::seed_from_u64(3);
            let steps = trainer.train(data, &mut rng);
            *model = trainer.net;
            text((steps, trainer.seen, rng.next_u64()))
        })
    }
}

/// A closure of the loss counts how often it is called: once for the batch.
pub(crate) mod closure_counts_m {
    use super::super::*;

    #[sam_train(rho = 1e-30, m = 4)]
    pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
        let mut calls = 0;
        for (x, y) in data {
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            let mut weight = || {
                calls += 1;
                0.5
            };
            let loss = mse_loss(logits, y.clone()) * weight();
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
        calls
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data)))
    }
}

/// The loss has the name of the criterion that computes it.
pub(crate) mod criterion_called_loss_m {
    use super::super::*;

    struct Scaled(f32);
    impl Scaled {
        fn forward<B: Dim>(
            &self,
            output: Tensor<(B, Const<3>), f32, Cpu, OwnedTape<f32, Cpu>>,
            y: Tensor<(B, Const<3>), f32, Cpu>,
        ) -> Loss {
            mse_loss(output, y) * self.0
        }
    }

    #[sam_train(rho = 1e-30, m = 2)]
    pub(crate) fn train(
        model: &mut Net,
        opt: &mut Opt,
        data: &[(X, Y)],
        weight: &f32,
    ) -> Vec<String> {
        let loss = Scaled(2.0);
        let mut losses = Vec::new();
        for (x, y) in data {
            let output = model.forward_mut(x.trace(model.alloc_grads()));
            let loss = loss.forward(output, y.clone());
            let weight = loss * *weight;
            losses.push(format!("{:.4}", weight.array()));
            let grads = weight.backward();
            opt.update(model, &grads).unwrap();
        }
        losses
    }

    pub(crate) fn run() -> Seen {
        observe(6, |model, opt, data| text(train(model, opt, data, &0.5)))
    }
}
