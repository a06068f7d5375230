//! Several networks, heads and tapes; policies and value functions.

use super::*;

type States = Tensor<Rank2<8, 4>, f32, Dev>;
type Actions = Tensor<Rank1<8>, usize, Dev>;

fn actions(dev: &Dev) -> Actions {
    dev.tensor([0, 1, 2, 0, 1, 2, 0, 1])
}

/// dfdx's DQN example: a target network in the loss.
mod dqn {
    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(dev: &Dev) -> Vec<f32> {
            let state: States = dev.sample_normal();
            let action = actions(dev);
            let reward: Tensor<Rank1<8>, f32, _> = dev.sample_normal();
            let done: Tensor<Rank1<8>, f32, _> = dev.zeros();
            let next_state: States = dev.sample_normal();

            let mut q_net = network(dev);
            let mut target_q_net = q_net.clone();
            let mut grads = q_net.alloc_grads();
            let mut sgd = Sgd::new(
                &q_net,
                SgdConfig { lr: 1e-1, momentum: Some(Momentum::Nesterov(0.9)), weight_decay: None },
            );
            let mut losses = Vec::new();
            for epoch in 0..4 {
                let mut total_loss = 0f32;
                for _step in 0..10 {
                    let q_values = q_net.forward(state.trace(grads));
                    let action_qs = q_values.select(action.clone());
                    let next_q_values = target_q_net.forward(next_state.clone());
                    let max_next_q = next_q_values.max::<Rank1<8>, _>();
                    let target_q = (max_next_q * (-done.clone() + 1.0)) * 0.5 + reward.clone();
                    let loss = huber_loss(action_qs, target_q, 1.0);
                    total_loss += loss.array();
                    grads = loss.backward();
                    sgd.update(&mut q_net, &grads).expect("Unused params");
                    q_net.zero_grads(&mut grads);
                }
                target_q_net.clone_from(&q_net);
                println!("Epoch {}: q loss={:#.3}", epoch + 1, total_loss / 10.0);
                losses.push(total_loss / 10.0);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        for train in [plain::train, near::train, sam::train] {
            let losses = train(&device());
            assert!(losses[3] < 0.5 * losses[0], "{losses:?}");
        }
    }
}

/// dfdx's PPO example: a ratio that is used twice, with its tape moved by hand.
mod ppo {
    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(dev: &Dev) -> Vec<f32> {
            let mut pi_net = network(dev);
            let target_pi_net = pi_net.clone();
            let mut grads = pi_net.alloc_grads();
            let mut sgd = sgd(&pi_net, 0.1);
            let state: States = dev.sample_normal();
            let action = actions(dev);
            let advantage: Tensor<Rank1<8>, f32, _> = dev.sample_normal();
            let mut losses = vec![];
            for _step in 0..20 {
                let old_logits = target_pi_net.forward(state.clone());
                let old_log_prob_a = old_logits.log_softmax::<Axis<1>>().select(action.clone());

                let logits = pi_net.forward(state.trace(grads));
                let log_prob_a = logits.log_softmax::<Axis<1>>().select(action.clone());

                let ratio = (log_prob_a - old_log_prob_a).exp();
                let surr1 = ratio.with_empty_tape() * advantage.clone();
                let surr2 = ratio.clamp(0.8, 1.2) * advantage.clone();
                let ppo_loss = -(surr2.minimum(surr1).mean());
                // Shifted, so that a falling loss is one that comes nearer to 0.
                losses.push(ppo_loss.array() + 2.0);
                grads = ppo_loss.backward();
                sgd.update(&mut pi_net, &grads).expect("Unused params");
                pi_net.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        for train in [plain::train, near::train, sam::train] {
            let losses = train(&device());
            assert!(losses[19] < losses[0], "{losses:?}");
        }
    }
}

/// A policy gradient: unbatched states, one update at the end of an episode, a variable `step`.
mod policy_gradient {
    use super::*;

    pub(super) struct Step {
        state: [f32; 4],
        action: usize,
        reward: f32,
    }

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn evaluate(
            model: &mut Net,
            optimizer: &mut Sgd<Net, f32, Cpu>,
            steps: &[Step],
            device: &Dev,
        ) -> f32 {
            let mut gradients = model.alloc_grads();
            let mut total = 0.0;
            for step in steps {
                let input = device.tensor(step.state);
                let logits = model.forward(input.traced(gradients));
                let log_prob = logits.log_softmax().select(device.tensor(step.action));
                let loss = log_prob * (-step.reward);
                total += loss.array();
                gradients = loss.backward();
            }
            optimizer.update(model, &gradients).unwrap();
            total
        }
    }

    #[test]
    fn learns() {
        let step = |i: usize| Step {
            state: std::array::from_fn(|k| if k == i % 4 { 1.0 } else { 0.0 }),
            action: i % 3,
            reward: 1.0,
        };
        let steps: Vec<Step> = (0..6).map(step).collect();
        both_learn(|version| {
            let dev = device();
            let mut model = network(&dev);
            let mut opt = sgd(&model, 0.1);
            let evaluate = [plain::evaluate, near::evaluate, sam::evaluate][version];
            (0..15)
                .map(|_| evaluate(&mut model, &mut opt, &steps, &dev))
                .collect()
        });
    }
}

/// Two heads, destructured, masked and added up.
mod two_heads {
    use super::*;

    type Arch = (
        (Linear<4, 16>, ReLU),
        SplitInto<(Linear<16, 1>, Linear<16, 3>)>,
    );
    type Heads = <Arch as BuildOnDevice<Dev, f32>>::Built;

    both! {
        struct Player {
            pub(super) net: Heads,
            pub(super) optimizer: Adam<Heads, f32, Dev>,
            pub(super) mask: Tensor<Rank2<8, 3>, f32, Dev>,
        }

        impl Player {
            #[sam_train(rho = 0.05)]
            pub(super) fn train_batch(
                &mut self,
                features: States,
                expected_values: Tensor<Rank2<8, 1>, f32, Dev>,
                expected_policies: Tensor<Rank2<8, 3>, f32, Dev>,
            ) -> f32 {
                let (mut values, mut policies) = self.net.forward_mut(features.leaky_traced());
                values = values.tanh();
                policies = (policies * self.mask.clone()).softmax::<Axis<1>>();

                let value_err = (values - expected_values).square().sum::<Rank0, _>();
                let policy_err = (policies - expected_policies).square().sum::<Rank0, _>();

                let err = value_err + policy_err;
                let shown = err.array();
                let grads = err.backward();
                self.optimizer.update(&mut self.net, &grads).unwrap();
                shown
            }
        }
    }

    macro_rules! run {
        ($module:ident) => {{
            let dev = device();
            let net = dev.build_module::<Arch, f32>();
            let optimizer = Adam::new(
                &net,
                AdamConfig {
                    lr: 1e-2,
                    ..Default::default()
                },
            );
            let mask = dev.ones();
            let mut player = $module::Player {
                net,
                optimizer,
                mask,
            };
            let (x, policies) = batches(&dev).remove(0);
            let values: Tensor<Rank2<8, 1>, f32, _> = dev.zeros();
            let mut step = || player.train_batch(x.clone(), values.clone(), policies.clone());
            (0..30).map(|_| step()).collect()
        }};
    }

    #[test]
    fn learns() {
        both_learn(|version| match version {
            0 => run!(plain),
            1 => run!(near),
            _ => run!(sam),
        });
    }
}

/// Two losses on one trunk, with the tape split and put back.
mod split_tape {
    use super::*;

    type Parts = ((Linear<4, 16>, Tanh), Linear<16, 3>, Linear<16, 4>);
    type Model = <Parts as BuildOnDevice<Dev, f32>>::Built;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(
            model: &mut Model,
            opt: &mut Sgd<Model, f32, Dev>,
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let mut losses = vec![];
            for (x, y) in data.iter().cycle().take(40).cloned() {
                let (hidden, tape) = model.0.forward_mut(x.trace(grads)).split_tape();
                let logits = model.1.forward_mut(hidden.clone().put_tape(tape));
                let (classes, tape) = cross_entropy_with_logits_loss(logits, y).split_tape();
                let again = model.2.forward_mut(hidden.put_tape(tape));
                let reconstruction = mse_loss(again, x);
                let class_loss = classes.array();
                let loss = reconstruction + classes;
                losses.push(loss.array());
                println!("{class_loss:.3} of {:.3}", loss.array());
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data = batches(&device());
        both_learn(|version| {
            let mut model = device().build_module::<Parts, f32>();
            let mut opt = sgd(&model, 0.1);
            [plain::train, near::train, sam::train][version](&mut model, &mut opt, &data)
        });
    }
}

/// Distillation: a teacher in the slice, and a temperature that is bound in the loop.
mod distillation {
    use super::*;

    both! {
        #[sam_train(rho = 0.05, m = 4)]
        pub(super) fn distill(
            student: &mut Net,
            teacher: &Net,
            opt: &mut Sgd<Net, f32, Dev>,
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut grads = student.alloc_grads();
            let mut losses = vec![];
            for (step, (x, _)) in data.iter().cycle().take(60).enumerate() {
                let temperature = if step < 5 { 1.0 } else { 0.9 };
                let x = x.clone();
                let soft = (teacher.forward(x.clone()) / temperature).softmax::<Axis<1>>();
                let student_logits = student.forward_mut(x.traced(grads)) / temperature;
                let loss = kl_div_with_logits_loss(student_logits, soft);
                losses.push(loss.array());
                grads = loss.backward();
                opt.update(student, &grads).unwrap();
                student.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data = batches(&device());
        both_learn(|version| {
            let dev = device();
            let (mut student, teacher) = (network(&dev), network(&dev));
            let mut opt = sgd(&student, 0.5);
            let distill = [plain::distill, near::distill, sam::distill][version];
            distill(&mut student, &teacher, &mut opt, &data)
        });
    }
}

/// A generator that is trained through a frozen discriminator.
mod through_another {
    use super::*;

    type Discriminator = (Linear<4, 16>, ReLU, Linear<16, 1>);
    type Frozen = <Discriminator as BuildOnDevice<Dev, f32>>::Built;

    both! {
        #[sam_train(rho = 0.02)]
        pub(super) fn train(dev: &Dev, discriminator: &Frozen) -> Vec<f32> {
            let mut generator = dev.build_module::<(Linear<2, 8>, LeakyReLU<f32>, Linear<8, 4>), f32>();
            let mut generator_grads = generator.alloc_grads();
            let mut generator_sgd = sgd(&generator, 0.8);
            let labels: Tensor<Rank2<8, 1>, f32, _> = dev.ones();
            let mut losses = vec![];
            for _iteration in 1..=60 {
                let latent_input: Tensor<Rank2<8, 2>, f32, _> = dev.sample_normal();
                let fake = generator.forward_mut(latent_input.traced(generator_grads));
                let judged = discriminator.forward(fake);
                let loss = binary_cross_entropy_with_logits_loss(judged, labels.clone());
                losses.push(loss.array());
                generator_grads = loss.backward();
                generator_sgd.update(&mut generator, &generator_grads).unwrap();
                generator.zero_grads(&mut generator_grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| {
            let dev = device();
            let discriminator = dev.build_module::<Discriminator, f32>();
            [plain::train, near::train, sam::train][version](&dev, &discriminator)
        });
    }
}

/// An ensemble: models and optimizers side by side in an inner loop.
mod ensemble {
    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(
            models: &mut [Net],
            opts: &mut [Sgd<Net, f32, Dev>],
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut losses = vec![];
            for (x, y) in data {
                let mut total = 0.0;
                for (model, opt) in models.iter_mut().zip(opts.iter_mut()) {
                    let grads = model.alloc_grads();
                    let loss = cross_entropy_with_logits_loss(
                        model.forward_mut(x.trace(grads)),
                        y.clone(),
                    );
                    total += loss.array();
                    let grads = loss.backward();
                    opt.update(model, &grads).unwrap();
                }
                losses.push(total);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data: Vec<_> = batches(&device()).into_iter().cycle().take(40).collect();
        both_learn(|version| {
            let dev = device();
            let mut models = vec![network(&dev), network(&dev)];
            let mut opts: Vec<_> = models.iter().map(|model| sgd(model, 0.3)).collect();
            [plain::train, near::train, sam::train][version](&mut models, &mut opts, &data)
        });
    }
}

/// A recurrent cell: a loop over time in the slice.
mod recurrent {
    use super::*;

    type Cell = ((Linear<2, 8>, Tanh), Linear<8, 2>);
    type Built = <Cell as BuildOnDevice<Dev, f32>>::Built;

    both! {
        #[sam_train(rho = 0.02)]
        pub(super) fn train(
            model: &mut Built,
            opt: &mut Sgd<Built, f32, Dev>,
            dev: &Dev,
        ) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let goal: Tensor<Rank2<4, 2>, f32, Dev> = dev.ones();
            let start: Tensor<Rank2<4, 2>, f32, Dev> = dev.sample_normal();
            let mut losses = Vec::new();
            for _ in 0..40 {
                let mut state = start.trace(grads);
                for t in 0..3 {
                    let time = dev.tensor([[t as f32; 2]; 4]);
                    state = model.forward(state + time);
                }
                let loss = mse_loss(state, goal.clone());
                losses.push(loss.array());
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| {
            let dev = device();
            let mut model = dev.build_module::<Cell, f32>();
            let mut opt = sgd(&model, 0.1);
            [plain::train, near::train, sam::train][version](&mut model, &mut opt, &dev)
        });
    }
}

/// A frozen backbone before the trained head, and a penalty on the head's weights.
mod transfer {
    use super::*;

    type Head = <Linear<16, 3> as BuildOnDevice<Dev, f32>>::Built;
    type Backbone = <(Linear<4, 16>, ReLU) as BuildOnDevice<Dev, f32>>::Built;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(
            backbone: &Backbone,
            head: &mut Head,
            data: &[(Images, Labels)],
        ) -> Vec<f32> {
            let mut opt = sgd(head, 0.3);
            let mut grads = head.alloc_grads();
            let mut losses = vec![];
            for (x, y) in data.iter().cycle().take(40) {
                let features = backbone.forward(x.clone());
                let logits = head.forward_mut(features.traced(grads));
                let (entropy, tape) = cross_entropy_with_logits_loss(logits, y.clone()).split_tape();
                let penalty = head.weight.clone().put_tape(tape).square().mean() * 1e-3;
                let loss = penalty + entropy;
                losses.push(loss.array());
                grads = loss.backward();
                opt.update(head, &grads).unwrap();
                head.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data = batches(&device());
        both_learn(|version| {
            let dev = device();
            let backbone = dev.build_module::<(Linear<4, 16>, ReLU), f32>();
            let mut head = dev.build_module::<Linear<16, 3>, f32>();
            [plain::train, near::train, sam::train][version](&backbone, &mut head, &data)
        });
    }
}
