//! The training loops of dfdx's own examples (dfdx 0.13.0, `examples/`), with the attribute put on.
//!
//! | example | what is unusual about its loop | keys |
//! |---|---|---|
//! | `05-optim` | full batch, `x.trace(grads)`, data bound outside the loop | `rho` |
//! | `06-mnist` | a chain of iterators, Adam, two nested loops | `rho`, `m` |
//! | `11-multi-headed` | two heads, two outputs, one loss | `rho` |
//! | `12-gradient-accum` | no optimizer; the loss in one expression | `rho`, `model` |
//! | `13-housing-nn-in-struct` | a method of one step; everything in `self`; a dynamic batch | `rho`, `m` |
//! | `generic-train-loop` | generic over model, data, loss, dtype and device; `update` under an `if` | `rho` |
//! | `rl-dqn` | a second network in the loss | `rho` |
//! | `rl-ppo` | a tape that is put back for a second use | `rho` |

use dfdx::{
    data::{IteratorBatchExt, IteratorCollateExt, IteratorStackExt},
    optim::{Adam, Momentum, Optimizer, Sgd, SgdConfig},
    prelude::*,
    tensor::{AutoDevice, Gradients},
};
use sam_runtime::sam_train;

type Dev = AutoDevice;

mod optim_05 {
    use super::*;

    type Mlp = (
        (Linear<5, 32>, ReLU),
        (Linear<32, 32>, ReLU),
        (Linear<32, 2>, Tanh),
    );

    #[sam_train(rho = 0.05)]
    fn train(losses: &mut Vec<f32>) {
        let dev = AutoDevice::default();
        let mut mlp = dev.build_module::<Mlp, f32>();
        let mut grads = mlp.alloc_grads();
        let mut sgd = Sgd::new(
            &mlp,
            SgdConfig {
                lr: 1e-1,
                momentum: Some(Momentum::Nesterov(0.9)),
                weight_decay: None,
            },
        );
        let x: Tensor<Rank2<3, 5>, f32, _> = dev.sample_normal();
        let y: Tensor<Rank2<3, 2>, f32, _> = dev.sample_normal();

        for i in 0..20 {
            let prediction = mlp.forward_mut(x.trace(grads));
            let loss = mse_loss(prediction, y.clone());
            println!("Loss after update {i}: {:?}", loss.array());
            losses.push(loss.array());
            grads = loss.backward();
            sgd.update(&mut mlp, &grads)
                .expect("Oops, there were some unused params");
            mlp.zero_grads(&mut grads);
        }
    }

    #[test]
    fn trains() {
        let mut losses = Vec::new();
        train(&mut losses);
        assert_eq!(losses.len(), 20);
        assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
    }
}

mod mnist_06 {
    use super::*;

    type Mlp = (
        (Linear<784, 64>, ReLU),
        (Linear<64, 32>, ReLU),
        Linear<32, 10>,
    );
    const BATCH_SIZE: usize = 32;

    #[sam_train(rho = 0.05, m = 16)]
    fn train(dataset: &[(Vec<f32>, usize)]) -> Vec<f32> {
        let dev = AutoDevice::default();
        let mut model = dev.build_module::<Mlp, f32>();
        let mut grads = model.alloc_grads();
        let mut opt = Adam::new(&model, Default::default());
        let mut epochs = Vec::new();

        let preprocess = |(img, lbl): (Vec<f32>, usize)| {
            let mut one_hotted = [0.0; 10];
            one_hotted[lbl] = 1.0;
            (
                dev.tensor_from_vec(img, (Const::<784>,)),
                dev.tensor(one_hotted),
            )
        };

        for _i_epoch in 0..4 {
            let mut total_epoch_loss = 0.0;
            let mut num_batches = 0;
            for (img, lbl) in dataset
                .iter()
                .cloned()
                .map(preprocess)
                .batch_exact(Const::<BATCH_SIZE>)
                .collate()
                .stack()
            {
                let logits = model.forward_mut(img.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, lbl);

                total_epoch_loss += loss.array();
                num_batches += 1;

                grads = loss.backward();
                opt.update(&mut model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            epochs.push(BATCH_SIZE as f32 * total_epoch_loss / num_batches as f32);
        }
        epochs
    }

    #[test]
    fn trains() {
        let image = |i: usize| {
            (0..784)
                .map(|p| ((p * (i % 10 + 1)) % 17) as f32 / 17.0)
                .collect()
        };
        let data: Vec<_> = (0..256).map(|i| (image(i), i % 10)).collect();
        let epochs = train(&data);
        assert!(epochs[3] < 0.7 * epochs[0], "{epochs:?}");
    }
}

mod multi_headed_11 {
    use super::*;

    type Model = SplitInto<(Linear<1, 3>, Linear<1, 5>)>;

    #[sam_train(rho = 0.05)]
    fn train(losses: &mut Vec<f32>) {
        let dev = AutoDevice::default();
        let mut m = dev.build_module::<Model, f32>();
        let mut opt = Sgd::new(
            &m,
            SgdConfig {
                lr: 0.1,
                ..Default::default()
            },
        );
        let mut grads = m.alloc_grads();
        let x: Tensor<Rank2<4, 1>, f32, _> = dev.sample_normal();

        for _ in 0..20 {
            let (y1, y2): (
                Tensor<Rank2<4, 3>, f32, _, _>,
                Tensor<Rank2<4, 5>, f32, _, _>,
            ) = m.forward_mut(x.trace(grads));
            let (y1, tape) = y1.split_tape();
            let first = (y1.put_tape(tape) - 1.0).square().mean();
            let loss = first + (y2 + 1.0).square().mean();
            losses.push(loss.array());
            grads = loss.backward();
            opt.update(&mut m, &grads).unwrap();
            m.zero_grads(&mut grads);
        }
    }

    #[test]
    fn trains() {
        let mut losses = Vec::new();
        train(&mut losses);
        assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
    }
}

mod gradient_accum_12 {
    use super::*;

    type Model = (Linear<2, 5>, ReLU, Linear<5, 10>, Tanh, Linear<10, 20>);

    #[sam_train(rho = 0.05, model = model)]
    fn accumulate(times: usize) -> Vec<f32> {
        let dev = AutoDevice::default();
        let model = dev.build_module::<Model, f32>();
        let x: Tensor<Rank2<10, 2>, f32, _> = dev.sample_normal();
        let mut grads: Gradients<f32, _> = model.alloc_grads();
        for _ in 0..times {
            grads = model.forward(x.trace(grads)).mean().backward();
        }
        grads.get(&model.0.weight).as_vec()
    }

    #[test]
    fn accumulates() {
        let (once, thrice) = (accumulate(1), accumulate(3));
        assert!(once.iter().any(|g| *g != 0.0));
        for (one, three) in once.iter().zip(&thrice) {
            assert!((3.0 * one - three).abs() < 1e-6);
        }
    }
}

mod housing_13 {
    use super::*;

    type MlpStructure = (
        (Linear<2, 32>, ReLU),
        (Linear<32, 32>, ReLU),
        (Linear<32, 1>, Sigmoid),
    );
    type Mlp = <MlpStructure as BuildOnDevice<AutoDevice, f32>>::Built;

    struct Predictor {
        model: Mlp,
        gradients: Gradients<f32, AutoDevice>,
        optimizer: Adam<Mlp, f32, AutoDevice>,
    }

    impl Predictor {
        #[sam_train(rho = 0.05, m = 16)]
        fn learn_batch(
            &mut self,
            input: Tensor<(usize, Const<2>), f32, AutoDevice>,
            expected_output: Tensor<(usize, Const<1>), f32, AutoDevice>,
        ) -> f32 {
            assert_eq!(input.shape().0, expected_output.shape().0);

            let predictions = self
                .model
                .forward_mut(input.traced(self.gradients.to_owned()));
            let loss = mse_loss(predictions, expected_output);

            let batch_loss = loss.array();

            self.gradients = loss.backward();
            self.optimizer
                .update(&mut self.model, &self.gradients)
                .unwrap();
            self.model.zero_grads(&mut self.gradients);
            batch_loss
        }
    }

    #[test]
    fn trains() {
        let dev = AutoDevice::seed_from_u64(43);
        let model = dev.build_module::<MlpStructure, f32>();
        let gradients = model.alloc_grads();
        let optimizer = Adam::new(&model, Default::default());
        let mut predictor = Predictor {
            model,
            gradients,
            optimizer,
        };
        let x: Tensor<(usize, Const<2>), f32, _> = dev.sample_uniform_like(&(50, Const));
        let y = x.clone().square().sum::<(usize,), _>().gt(1.0);
        let y: Vec<f32> = y
            .as_vec()
            .into_iter()
            .map(|inside| f32::from(u8::from(inside)))
            .collect();
        let y = dev.tensor_from_vec(y, (50, Const::<1>));
        let losses: Vec<f32> = (0..400)
            .map(|_| predictor.learn_batch(x.clone(), y.clone()))
            .collect();
        assert!(losses[399] < 0.5 * losses[0], "{losses:?}");
    }
}

mod generic_train_loop {
    use super::*;

    #[sam_train(rho = 0.05)]
    fn classification_train<
        Inp: Trace<E, D>,
        Lbl,
        Model: ModuleMut<Inp::Traced, Error = D::Err> + TensorCollection<E, D>,
        Opt: Optimizer<Model, D, E>,
        Data: Iterator<Item = (Inp, Lbl)>,
        Criterion: FnMut(Model::Output, Lbl) -> Loss,
        Loss: Backward<E, D, Err = D::Err> + AsArray<Array = E>,
        E: Dtype,
        D: Device<E>,
    >(
        model: &mut Model,
        opt: &mut Opt,
        mut criterion: Criterion,
        data: Data,
        batch_accum: usize,
        losses: &mut Vec<E>,
    ) -> Result<(), D::Err> {
        let mut grads = model.try_alloc_grads()?;
        for (i, (inp, lbl)) in data.enumerate() {
            let y = model.try_forward_mut(inp.traced(grads))?;
            let loss = criterion(y, lbl);
            let loss_value = loss.array();
            grads = loss.try_backward()?;
            if i % batch_accum == 0 {
                opt.update(model, &grads).unwrap();
                model.try_zero_grads(&mut grads)?;
            }
            losses.push(loss_value);
            println!("batch {i} | loss = {loss_value:?}");
        }
        Ok(())
    }

    #[test]
    fn trains() {
        let dev = AutoDevice::default();
        type Model = Linear<10, 2>;
        let mut model = dev.build_module::<Model, f32>();
        let mut opt = Sgd::new(
            &model,
            SgdConfig {
                lr: 0.1,
                ..Default::default()
            },
        );
        let mut data = Vec::new();
        for _ in 0..50 {
            let inp = dev.sample_normal::<Rank2<5, 10>>();
            let lbl = dev.tensor([[0.0, 1.0]; 5]);
            data.push((inp, lbl));
        }
        let mut losses: Vec<f32> = Vec::new();
        classification_train(
            &mut model,
            &mut opt,
            cross_entropy_with_logits_loss,
            data.into_iter(),
            1,
            &mut losses,
        )
        .unwrap();
        assert!(losses[49] < 0.5 * losses[0], "{losses:?}");
    }
}

mod rl {
    use super::*;

    const BATCH: usize = 64;
    const STATE: usize = 4;
    const ACTION: usize = 2;
    type Network = (
        (Linear<STATE, 32>, ReLU),
        (Linear<32, 32>, ReLU),
        Linear<32, ACTION>,
    );

    fn actions(dev: &Dev) -> Tensor<Rank1<BATCH>, usize, Dev> {
        let mut i = 0;
        dev.tensor([(); BATCH].map(|()| {
            i += 1;
            i % ACTION
        }))
    }

    fn sgd<M>(net: &M, lr: f64) -> Sgd<M, f32, Dev> {
        Sgd::new(
            net,
            SgdConfig {
                lr,
                momentum: Some(Momentum::Nesterov(0.9)),
                weight_decay: None,
            },
        )
    }

    #[sam_train(rho = 0.05)]
    fn dqn() -> Vec<f32> {
        let dev = AutoDevice::default();
        let mut q_net = dev.build_module::<Network, f32>();
        let mut target_q_net = q_net.clone();
        let mut grads = q_net.alloc_grads();
        let mut sgd = sgd(&q_net, 1e-1);

        let state = dev.sample_normal::<Rank2<BATCH, STATE>>();
        let action = actions(&dev);
        let reward = dev.sample_normal::<Rank1<BATCH>>();
        let done = dev.zeros::<Rank1<BATCH>>();
        let next_state = dev.sample_normal::<Rank2<BATCH, STATE>>();
        let mut losses = Vec::new();

        for _epoch in 0..5 {
            let mut total_loss = 0f32;
            for _step in 0..20 {
                let q_values = q_net.forward(state.trace(grads));
                let action_qs = q_values.select(action.clone());

                let next_q_values = target_q_net.forward(next_state.clone());
                let max_next_q = next_q_values.max::<Rank1<BATCH>, _>();
                let target_q = (max_next_q * (-done.clone() + 1.0)) * 0.99 + reward.clone();

                let loss = huber_loss(action_qs, target_q, 1.0);
                total_loss += loss.array();

                grads = loss.backward();

                sgd.update(&mut q_net, &grads).expect("Unused params");
                q_net.zero_grads(&mut grads);
            }
            target_q_net.clone_from(&q_net);
            losses.push(total_loss / 20.0);
        }
        losses
    }

    #[sam_train(rho = 0.05)]
    fn ppo() -> Vec<f32> {
        let dev = AutoDevice::default();
        let mut pi_net = dev.build_module::<Network, f32>();
        let mut target_pi_net = pi_net.clone();
        let mut grads = pi_net.alloc_grads();
        let mut sgd = sgd(&pi_net, 1e-2);

        let state = dev.sample_normal::<Rank2<BATCH, STATE>>();
        let action = actions(&dev);
        let advantage = dev.sample_normal::<Rank1<BATCH>>();
        let mut losses = Vec::new();

        for _epoch in 0..5 {
            let mut total_loss = 0f32;
            for _step in 0..20 {
                let old_logits = target_pi_net.forward(state.clone());
                let old_log_prob_a = old_logits.log_softmax::<Axis<1>>().select(action.clone());

                let logits = pi_net.forward(state.trace(grads));
                let log_prob_a = logits.log_softmax::<Axis<1>>().select(action.clone());

                let ratio = (log_prob_a - old_log_prob_a).exp();

                let surr1 = ratio.with_empty_tape() * advantage.clone();
                let surr2 = ratio.clamp(0.8, 1.2) * advantage.clone();

                let ppo_loss = -(surr2.minimum(surr1).mean());

                total_loss += ppo_loss.array();

                grads = ppo_loss.backward();

                sgd.update(&mut pi_net, &grads).expect("Unused params");
                pi_net.zero_grads(&mut grads);
            }
            target_pi_net.clone_from(&pi_net);
            losses.push(total_loss / 20.0);
        }
        losses
    }

    #[test]
    fn dqn_trains() {
        let losses = dqn();
        assert!(losses[4] < losses[0], "{losses:?}");
    }

    #[test]
    fn ppo_trains() {
        let losses = ppo();
        assert!(
            losses.iter().all(|loss| loss.is_finite()) && losses[4] < 0.0,
            "{losses:?}"
        );
    }
}
