//! Early stops, skipped batches, odd places for the step.

use super::*;

/// A `while` loop that stops when the loss is small, with the best loss kept.
mod early_stop {
    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(
            model: &mut Net,
            opt: &mut Sgd<Net, f32, Dev>,
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let mut best = f32::INFINITY;
            let mut patience = 20;
            let mut losses: Vec<f32> = Vec::new();
            let mut step = 0;
            while step < 60 {
                let (x, y) = &data[step % data.len()];
                let loss = cross_entropy_with_logits_loss(
                    model.forward_mut(x.trace(grads)),
                    y.clone(),
                );
                let current = loss.array();
                step += 1;
                losses.push(current);
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
                if current < best {
                    best = current;
                    patience = 20;
                } else {
                    patience -= 1;
                    if patience == 0 {
                        break;
                    }
                }
            }
            losses.truncate(40);
            losses
        }
    }

    #[test]
    fn learns() {
        let data = batches(&device());
        both_learn(|version| {
            let mut net = network(&device());
            let mut opt = sgd(&net, 0.3);
            [plain::train, near::train, sam::train][version](&mut net, &mut opt, &data)
        });
    }
}

/// `while let` over a queue, nested in an outer loop with a label.
mod labelled {
    use std::collections::VecDeque;

    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(
            model: &mut Net,
            opt: &mut Sgd<Net, f32, Dev>,
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let mut losses = Vec::new();
            'training: loop {
                let mut queue: VecDeque<_> = data.iter().cloned().collect();
                while let Some((x, y)) = queue.pop_front() {
                    let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
                    losses.push(loss.array());
                    grads = loss.backward();
                    if losses.len() % 9 == 0 {
                        model.zero_grads(&mut grads);
                        continue;
                    }
                    opt.update(model, &grads).unwrap();
                    model.zero_grads(&mut grads);
                    if losses.len() >= 40 {
                        break 'training;
                    }
                }
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data = batches(&device());
        both_learn(|version| {
            let mut net = network(&device());
            let mut opt = sgd(&net, 0.3);
            [plain::train, near::train, sam::train][version](&mut net, &mut opt, &data)
        });
    }
}

/// A forward pass that may fail, and a loop that goes on without it.
mod skipped {
    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(
            model: &mut Net,
            opt: &mut Sgd<Net, f32, Dev>,
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut losses = Vec::new();
            for (x, y) in data.iter().cloned() {
                let logits = match model.try_forward_mut(x.traced(model.alloc_grads())) {
                    Ok(logits) => logits,
                    Err(_) => continue,
                };
                let loss = cross_entropy_with_logits_loss(logits, y);
                let value = loss.array();
                if value.is_nan() {
                    println!("skipped");
                    continue;
                }
                losses.push(value);
                let Ok(grads) = loss.try_backward() else {
                    break;
                };
                if let Err(error) = opt.update(model, &grads) {
                    panic!("update failed: {error:?}");
                }
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data: Vec<_> = batches(&device()).into_iter().cycle().take(40).collect();
        both_learn(|version| {
            let mut net = network(&device());
            let mut opt = sgd(&net, 0.3);
            [plain::train, near::train, sam::train][version](&mut net, &mut opt, &data)
        });
    }
}

/// The step in a block whose value are the gradients.
mod block {
    use super::*;

    type Arrays = ([[f32; 4]; 8], [[f32; 3]; 8]);

    both! {
        #[sam_train(rho = 0.05, m = 4)]
        pub(super) fn train(
            model: &mut Net,
            opt: &mut Sgd<Net, f32, Dev>,
            data: &[Arrays],
            dev: &Dev,
        ) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let mut entropies = Vec::new();
            for i in 0..40 {
                let (root, observed) = data[i % data.len()];
                grads = {
                    let root_tensor = dev.tensor(root);
                    let observed_probabilities = dev.tensor(observed);
                    let predicted_logits = model.forward(root_tensor.trace(grads));
                    let cross_entropy =
                        cross_entropy_with_logits_loss(predicted_logits, observed_probabilities);
                    entropies.push(cross_entropy.array());
                    cross_entropy.backward()
                };
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            entropies
        }
    }

    #[test]
    fn learns() {
        let data: Vec<_> = batches(&device())
            .iter()
            .map(|(x, y)| (x.array(), y.array()))
            .collect();
        both_learn(|version| {
            let dev = device();
            let mut net = network(&dev);
            let mut opt = sgd(&net, 0.3);
            [plain::train, near::train, sam::train][version](&mut net, &mut opt, &data, &dev)
        });
    }
}

/// A target that is filled in between the forward pass and the loss.
mod filled_target {
    use super::*;

    #[derive(Clone, Copy)]
    pub(super) enum Outcome {
        Win,
        Draw,
        Loss,
    }

    both! {
        #[sam_train(rho = 0.02)]
        pub(super) fn train_model(data: &[([f32; 4], Outcome)], epochs: usize) -> Vec<f32> {
            let dev = Cpu::seed_from_u64(1);
            let mut model = dev.build_module::<Mlp, f32>();
            let mut grads = model.alloc_grads();
            let mut opt = Sgd::new(&model, SgdConfig { lr: 0.05, ..Default::default() });
            let mut losses = vec![];
            for _epoch in 0..epochs {
                for (board, label) in data {
                    let x = dev.tensor([*board]);
                    let y = model.forward_mut(x.traced(grads));
                    let mut target: Tensor<Rank2<1, 3>, f32, Cpu> = dev.zeros();
                    match label {
                        Outcome::Win => target[[0, 0]] = 1.0,
                        Outcome::Draw => target[[0, 1]] = 1.0,
                        Outcome::Loss => target[[0, 2]] = 1.0,
                    }
                    let loss = (y - target).square().mean();
                    losses.push(loss.array());
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                    model.zero_grads(&mut grads);
                }
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data = [
            ([1.0, 0.0, 0.0, 0.5], Outcome::Win),
            ([0.0, 1.0, 0.0, 0.5], Outcome::Draw),
            ([0.0, 0.0, 1.0, 0.5], Outcome::Loss),
        ];
        both_learn(|version| {
            [plain::train_model, near::train_model, sam::train_model][version](&data, 20)
        });
    }
}

/// A loss that is declared before the forward pass and assigned in branches.
mod deferred {
    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(
            model: &mut Net,
            opt: &mut Sgd<Net, f32, Dev>,
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut losses = Vec::new();
            for (i, (x, y)) in data.iter().cycle().take(60).enumerate() {
                let loss;
                let logits = model.forward_mut(x.trace(model.alloc_grads()));
                if i < 10 {
                    loss = cross_entropy_with_logits_loss(logits, y.clone());
                } else {
                    loss = cross_entropy_with_logits_loss(logits, y.clone()) * 1.0;
                }
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data = batches(&device());
        both_learn(|version| {
            let mut net = network(&device());
            let mut opt = sgd(&net, 0.3);
            [plain::train, near::train, sam::train][version](&mut net, &mut opt, &data)
        });
    }
}

/// A model in a `Box`, then behind a guard, and an optimizer behind a trait object.
mod owned_elsewhere {
    use std::cell::RefCell;

    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn boxed(net: Net, mut opt: Box<dyn Optimizer<Net, Dev, f32>>) -> Vec<f32> {
            let mut model = Box::new(net);
            let mut losses = Vec::new();
            for (x, y) in batches(&device()).into_iter().cycle().take(60) {
                let logits = model.forward_mut(x.traced(model.alloc_grads()));
                let loss = cross_entropy_with_logits_loss(logits, y);
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(&mut model, &grads).unwrap();
            }
            losses
        }
    }

    mod guarded {
        use super::*;

        both! {
            #[sam_train(rho = 0.05)]
            pub(super) fn train(net: &RefCell<Net>, opt: &mut dyn Optimizer<Net, Dev, f32>) -> Vec<f32> {
                let mut losses = Vec::new();
                let mut model = net.borrow_mut();
                for (x, y) in batches(&device()).into_iter().cycle().take(60) {
                    let grads = model.alloc_grads();
                    let logits = model.forward_mut(x.traced(grads));
                    let loss = cross_entropy_with_logits_loss(logits, y);
                    losses.push(loss.array());
                    let grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                }
                losses
            }
        }

        #[test]
        fn learns() {
            both_learn(|version| {
                let net = RefCell::new(network(&device()));
                let mut opt = sgd(&*net.borrow(), 0.3);
                [plain::train, near::train, sam::train][version](&net, &mut opt)
            });
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| {
            let net = network(&device());
            let opt = Box::new(sgd(&net, 0.3));
            [plain::boxed, near::boxed, sam::boxed][version](net, opt)
        });
    }
}

/// A method of the model itself: the model is `self`.
mod of_the_model {
    use super::*;

    macro_rules! fit {
        ($version:ident $($attribute:tt)*) => {
            trait $version {
                fn fit(&mut self, opt: &mut Sgd<Net, f32, Dev>) -> Vec<f32>;
            }

            impl $version for Net {
                $($attribute)*
                fn fit(&mut self, opt: &mut Sgd<Net, f32, Dev>) -> Vec<f32> {
                    let mut losses = Vec::new();
                    for (x, y) in batches(&device()).into_iter().cycle().take(60) {
                        let logits = self.forward_mut(x.traced(self.alloc_grads()));
                        let loss = cross_entropy_with_logits_loss(logits, y);
                        losses.push(loss.array());
                        let grads = loss.backward();
                        opt.update(self, &grads).unwrap();
                    }
                    losses
                }
            }
        };
    }

    fit!(Plain);
    fit!(Near #[sam_runtime::sam_train(rho = 1e-30)]);
    fit!(WithSam #[sam_runtime::sam_train(rho = 0.05)]);

    #[test]
    fn learns() {
        both_learn(|version| {
            let mut net = network(&device());
            let mut opt = sgd(&net, 0.3);
            [Plain::fit, Near::fit, WithSam::fit][version](&mut net, &mut opt)
        });
    }
}
