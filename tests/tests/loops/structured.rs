//! Models and gradients in structs, custom modules, generic functions.

use super::*;

/// dfdx's example of a generic loop: any model, optimizer, data and loss.
mod generic {
    use super::*;

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn classification_train<
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
        ) -> Result<Vec<E>, D::Err> {
            let mut grads = model.try_alloc_grads()?;
            let mut losses = Vec::new();
            for (i, (inp, lbl)) in data.enumerate() {
                let y = model.try_forward_mut(inp.traced(grads))?;
                let loss = criterion(y, lbl);
                let loss_value = loss.array();
                grads = loss.try_backward()?;
                if i % batch_accum == 0 {
                    opt.update(model, &grads).unwrap();
                    model.try_zero_grads(&mut grads)?;
                }
                println!("batch {i} | loss = {loss_value:?}");
                losses.push(loss_value);
            }
            Ok(losses)
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| {
            let dev = device();
            let mut model = network(&dev);
            let mut opt = sgd(&model, 0.3);
            let data: Vec<_> = batches(&dev).into_iter().cycle().take(40).collect();
            let loss = cross_entropy_with_logits_loss;
            let (model, opt, data) = (&mut model, &mut opt, data.into_iter());
            match version {
                0 => plain::classification_train(model, opt, loss, data, 1),
                1 => near::classification_train(model, opt, loss, data, 1),
                _ => sam::classification_train(model, opt, loss, data, 1),
            }
            .unwrap()
        });
    }
}

/// dfdx's example of a network housed in a struct: one step for each call, dynamic batches.
mod housed {
    use super::*;

    both! {
        struct Predictor {
            pub(super) model: Net,
            pub(super) gradients: Gradients<f32, Dev>,
            pub(super) optimizer: Adam<Net, f32, Dev>,
        }

        impl Predictor {
            #[sam_train(rho = 0.05)]
            pub(super) fn learn_batch(
                &mut self,
                input: Tensor<(usize, Const<4>), f32, Dev>,
                expected_output: Tensor<(usize, Const<3>), f32, Dev>,
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
    }

    macro_rules! run {
        ($module:ident) => {{
            let dev = device();
            let model = network(&dev);
            let gradients = model.alloc_grads();
            let optimizer = Adam::new(
                &model,
                AdamConfig {
                    lr: 1e-2,
                    ..Default::default()
                },
            );
            let mut predictor = $module::Predictor {
                model,
                gradients,
                optimizer,
            };
            let data = batches(&device());
            let batches = data.iter().cycle().take(40);
            let step = |(x, y): &(Images, Labels)| {
                predictor.learn_batch(x.clone().realize(), y.clone().realize())
            };
            batches.map(step).collect()
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

/// Gradients in an `Option` of `self`, errors by `?`.
mod optional_gradients {
    use super::*;

    #[derive(Debug)]
    pub(super) struct Failed(#[allow(dead_code)] String);

    impl<E: std::fmt::Debug> From<OptimizerUpdateError<E>> for Failed {
        fn from(error: OptimizerUpdateError<E>) -> Self {
            Self(format!("{error:?}"))
        }
    }

    impl From<CpuError> for Failed {
        fn from(error: CpuError) -> Self {
            Self(format!("{error:?}"))
        }
    }

    impl From<sam_runtime::StepError> for Failed {
        fn from(error: sam_runtime::StepError) -> Self {
            Self(error.to_string())
        }
    }

    both! {
        struct Trainer {
            pub(super) net: Net,
            pub(super) grads: Option<Gradients<f32, Dev>>,
            pub(super) opt: Sgd<Net, f32, Dev>,
        }

        impl Trainer {
            #[sam_train(rho = 0.05, m = 4, norm = "l1.5")]
            pub(super) fn epoch(&mut self, data: &[(Images, Labels)]) -> Result<Vec<f32>, Failed> {
                let mut losses = Vec::new();
                for (x, y) in data {
                    let grads = self.grads.take().unwrap_or_else(|| self.net.alloc_grads());
                    let logits = self.net.try_forward_mut(x.clone().traced(grads))?;
                    let loss = cross_entropy_with_logits_loss(logits, y.clone());
                    losses.push(loss.array());
                    let mut grads = loss.try_backward()?;
                    self.opt.update(&mut self.net, &grads)?;
                    self.net.try_zero_grads(&mut grads)?;
                    self.grads = Some(grads);
                }
                Ok(losses)
            }
        }
    }

    macro_rules! run {
        ($module:ident) => {{
            let net = network(&device());
            let opt = sgd(&net, 0.3);
            let mut trainer = $module::Trainer {
                net,
                grads: None,
                opt,
            };
            let data = batches(&device());
            let epochs = (0..10).flat_map(|_| trainer.epoch(&data).unwrap());
            epochs.collect()
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

/// A network of one's own, whose method computes the loss.
mod custom_module {
    use super::*;

    #[derive(Clone)]
    pub(super) struct Skip {
        inner: modules::Linear<4, 4, f32, Dev>,
        head: modules::Linear<4, 3, f32, Dev>,
    }

    impl TensorCollection<f32, Dev> for Skip {
        type To<E2: Dtype, D2: Device<E2>> = Built<E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, f32, Dev>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::module("inner", |s| &s.inner, |s| &mut s.inner),
                    Self::module("head", |s| &s.head, |s| &mut s.head),
                ),
                |(inner, head)| Built { inner, head },
            )
        }
    }

    #[allow(dead_code)]
    pub(super) struct Built<E: Dtype, D: Device<E>> {
        inner: modules::Linear<4, 4, E, D>,
        head: modules::Linear<4, 3, E, D>,
    }

    impl Skip {
        fn loss<T: Tape<f32, Dev> + Merge<T>>(
            &self,
            x: Tensor<Rank2<8, 4>, f32, Dev, T>,
            y: Labels,
        ) -> Tensor<Rank0, f32, Dev, T> {
            let skip = x.with_empty_tape();
            let h = self.inner.forward(x).tanh() + skip;
            cross_entropy_with_logits_loss(self.head.forward(h), y)
        }
    }

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(mut net: Skip, data: Vec<(Images, Labels)>) -> Vec<f32> {
            let mut opt = sgd(&net, 0.3);
            let mut losses = vec![];
            let mut grads = net.alloc_grads();
            for (x, y) in data.into_iter().cycle().take(40) {
                let loss = net.loss(x.traced(grads), y);
                losses.push(loss.array());
                grads = loss.backward();
                opt.update(&mut net, &grads).unwrap();
                net.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| {
            let dev = device();
            let net = Skip {
                inner: dev.build_module::<builders::Linear<4, 4>, f32>(),
                head: dev.build_module::<builders::Linear<4, 3>, f32>(),
            };
            [plain::train, near::train, sam::train][version](net, batches(&dev))
        });
    }
}

/// A loss computed by a free function, on a batch that is one value.
mod helper {
    use super::*;

    #[derive(Clone)]
    pub(super) struct Batch {
        x: Images,
        y: Labels,
        weight: f32,
    }

    fn weighted_loss(
        net: &Net,
        x: Tensor<Rank2<8, 4>, f32, Dev, OwnedTape<f32, Dev>>,
        y: &Labels,
        weight: f32,
    ) -> Tensor<Rank0, f32, Dev, OwnedTape<f32, Dev>> {
        cross_entropy_with_logits_loss(net.forward(x), y.clone()) * weight
    }

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn train(net: &mut Net, opt: &mut Sgd<Net, f32, Dev>, data: &[Batch]) -> Vec<f32> {
            let mut losses = vec![];
            for batch in data.iter() {
                let grads = net.alloc_grads();
                let loss = weighted_loss(net, batch.x.trace(grads), &batch.y, batch.weight);
                losses.push(loss.array());
                let grads = loss.backward();
                opt.update(net, &grads).unwrap();
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let batch = |(x, y)| Batch { x, y, weight: 0.5 };
        let data: Vec<Batch> = batches(&device()).into_iter().map(batch).collect();
        let data: Vec<Batch> = data.iter().cycle().take(40).cloned().collect();
        both_learn(|version| {
            let mut net = network(&device());
            let mut opt = sgd(&net, 0.6);
            [plain::train, near::train, sam::train][version](&mut net, &mut opt, &data)
        });
    }
}
