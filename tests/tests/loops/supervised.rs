//! Loops over labelled batches.

use super::*;

/// The loop of dfdx's MNIST example: a dataset, a chain of iterators, a progress bar.
mod mnist {
    use std::time::Instant;

    use dfdx::data::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    struct Samples(Vec<([f32; 4], usize)>);

    impl ExactSizeDataset for Samples {
        type Item<'a> = (Vec<f32>, usize);

        fn get(&self, index: usize) -> Self::Item<'_> {
            let (image, label) = self.0[index];
            (image.to_vec(), label)
        }

        fn len(&self) -> usize {
            self.0.len()
        }
    }

    trait Progress: Iterator + Sized {
        fn progress(self) -> std::iter::Inspect<Self, fn(&Self::Item)> {
            self.inspect(|_| {})
        }
    }

    impl<I: Iterator> Progress for I {}

    const BATCH_SIZE: usize = 8;

    both! {
        #[sam_train(rho = 0.05, norm = "l2")]
        pub(super) fn train(dev: &Dev, dataset: &Samples, mut model: Net) -> Vec<f32> {
            let mut rng = StdRng::seed_from_u64(0);
            let mut grads = model.alloc_grads();
            let mut opt = Adam::new(&model, AdamConfig { lr: 1e-2, ..Default::default() });
            let mut losses = Vec::new();

            let preprocess = |(img, lbl): <Samples as ExactSizeDataset>::Item<'_>| {
                let mut one_hotted = [0.0; 3];
                one_hotted[lbl] = 1.0;
                (dev.tensor_from_vec(img, (Const::<4>,)), dev.tensor(one_hotted))
            };
            for i_epoch in 0..8 {
                let mut total_epoch_loss = 0.0;
                let mut num_batches = 0;
                let start = Instant::now();
                for (img, lbl) in dataset
                    .shuffled(&mut rng)
                    .map(preprocess)
                    .batch_exact(Const::<BATCH_SIZE>)
                    .collate()
                    .stack()
                    .progress()
                {
                    let logits = model.forward_mut(img.traced(grads));
                    let loss = cross_entropy_with_logits_loss(logits, lbl);
                    losses.push(loss.array());
                    total_epoch_loss += loss.array();
                    num_batches += 1;
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                    model.zero_grads(&mut grads);
                }
                let dur = Instant::now() - start;
                println!(
                    "Epoch {i_epoch} in {:?} ({:.3} batches/s): avg sample loss {:.5}",
                    dur,
                    num_batches as f32 / dur.as_secs_f32(),
                    BATCH_SIZE as f32 * total_epoch_loss / num_batches as f32,
                );
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let samples = batches(&device()).into_iter().flat_map(|(x, y)| {
            let label = |row: [f32; 3]| row.iter().position(|&y| y > 0.5).unwrap();
            x.array().into_iter().zip(y.array().map(label))
        });
        let samples = Samples(samples.collect());
        both_learn(|version| {
            let dev = device();
            let train = [plain::train, near::train, sam::train][version];
            train(&dev, &samples, network(&dev))
        });
    }
}

/// dfdx's optimizer example: one batch, bound outside the loop.
mod full_batch {
    use super::*;

    both! {
        #[sam_train(rho = 0.02)]
        pub(super) fn train(dev: &Dev) -> Vec<f32> {
            let mut mlp = network(dev);
            let mut grads = mlp.alloc_grads();
            let x: Tensor<Rank2<5, 4>, f32, _> = dev.sample_normal();
            let y: Tensor<Rank2<5, 3>, f32, _> = dev.sample_normal();
            let mut sgd = Sgd::new(
                &mlp,
                SgdConfig { lr: 1e-1, momentum: Some(Momentum::Nesterov(0.9)), weight_decay: None },
            );
            let mut losses = vec![];
            for i in 0..15 {
                let prediction = mlp.forward_mut(x.trace(grads));
                let loss = mse_loss(prediction, y.clone());
                println!("Loss after update {i}: {:?}", loss.array());
                losses.push(loss.array());
                grads = loss.backward();
                sgd.update(&mut mlp, &grads).expect("Oops, there were some unused params");
                mlp.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| [plain::train, near::train, sam::train][version](&device()));
    }
}

/// An autoencoder reads its input on both sides of the loss.
mod autoencoder {
    use super::*;

    type Coder = ((Linear<6, 12>, Tanh), (Linear<12, 4>, Tanh), Linear<4, 6>);

    both! {
        #[sam_train(rho = 0.05, m = 2)]
        pub(super) fn train(dev: &Dev) -> Vec<f32> {
            let mut mlp = dev.build_module::<Coder, f32>();
            let mut grads = mlp.alloc_grads();
            let mut opt = Adam::new(&mlp, AdamConfig { lr: 3e-2, ..AdamConfig::default() });
            let mut history = Vec::with_capacity(30);
            let data: Vec<Tensor<Rank2<4, 6>, f32, Cpu>> = vec![dev.sample_normal()];
            for epoch in 0..30 {
                for x in &data {
                    let reconstruction = mlp.forward_mut(x.trace(grads));
                    let loss = mse_loss(reconstruction, x.clone());
                    let value = loss.array();
                    if epoch % 10 == 0 {
                        println!("Epoch {epoch:03}: {value}");
                    }
                    history.push(value);
                    grads = loss.backward();
                    opt.update(&mut mlp, &grads).expect("ADAM failed");
                    mlp.zero_grads(&mut grads);
                }
            }
            history
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| [plain::train, near::train, sam::train][version](&device()));
    }
}

/// Logistic regression on records, which become tensors inside the loop.
mod logistic_regression {
    use super::*;

    #[derive(Clone, Copy)]
    struct Record {
        math: f32,
        biology: f32,
        pass: bool,
    }

    const BATCH_SIZE: usize = 4;

    both! {
        #[sam_train(rho = 0.01, norm = "linf")]
        pub(super) fn train(records: &[Record]) -> Vec<f32> {
            let dev = Dev::seed_from_u64(3);
            let mut reg = dev.build_module::<(Linear<2, 1>, Sigmoid), f32>();
            let mut sgd = Sgd::new(&reg, SgdConfig { lr: 0.5, momentum: None, weight_decay: None });
            let mut grads = reg.alloc_grads();
            let mut losses = Vec::new();
            for batch in records.chunks_exact(BATCH_SIZE) {
                let batch_input: Vec<_> = batch
                    .iter()
                    .flat_map(|&Record { math, biology, .. }| [0.1 * math, 0.1 * biology])
                    .collect();
                let batch_expected: [f32; BATCH_SIZE] =
                    std::array::from_fn(|i| batch[i].pass as u32 as f32);
                let input_tensor: Tensor<Rank2<BATCH_SIZE, 2>, f32, _, _> =
                    dev.tensor_from_vec(batch_input, Rank2::<BATCH_SIZE, 2>::default());
                let prediction: Tensor<Rank1<BATCH_SIZE>, f32, Cpu, _> =
                    reg.forward_mut(input_tensor.trace(grads)).reshape();
                let expected_tensor: Tensor<Rank1<BATCH_SIZE>, f32, _, _> =
                    dev.tensor(batch_expected);
                println!(
                    "prediction: {:?}, expected: {:?}",
                    prediction.array(),
                    expected_tensor.array()
                );
                let loss = mse_loss(prediction, expected_tensor);
                println!("current loss: {:?}", loss.array());
                losses.push(loss.array());
                grads = loss.backward();
                sgd.update(&mut reg, &grads).unwrap();
                reg.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let record = |i: usize| {
            let (math, biology) = ((i % 10) as f32, (i * 7 % 10) as f32);
            Record {
                math,
                biology,
                pass: math + biology > 9.0,
            }
        };
        let records: Vec<Record> = (0..40).map(record).cycle().take(40 * 20).collect();
        both_learn(|version| [plain::train, near::train, sam::train][version](&records));
    }
}

/// Gradients of several samples are added up before each update.
mod accumulation {

    use super::*;

    pub(super) struct Sample {
        x: Images,
        y: Labels,
    }

    both! {
        #[sam_train(rho = 0.05)]
        pub(super) fn fit<O: Optimizer<Net, Dev, f32>>(
            network: &mut Net,
            optimizer: &mut O,
            samples: &[Sample],
        ) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
            let mut gradients = network.try_alloc_grads().map_err(|e| format!("{e:?}"))?;
            let mut averages = Vec::new();
            for _ in 0..20 {
                let mut loss_sum = 0.0;
                for minibatch in samples.chunks(2) {
                    for Sample { x, y } in minibatch {
                        let evaluation = network.forward_mut(x.clone().traced(gradients));
                        let loss = cross_entropy_with_logits_loss(evaluation, y.clone());
                        loss_sum += loss.array();
                        gradients = (loss / minibatch.len() as f32).backward();
                    }
                    optimizer.update(network, &gradients).map_err(|e| format!("{e:?}"))?;
                    network.zero_grads(&mut gradients);
                }
                averages.push(loss_sum / samples.len() as f32);
            }
            Ok(averages)
        }
    }

    #[test]
    fn learns() {
        let samples: Vec<Sample> = batches(&device())
            .into_iter()
            .map(|(x, y)| Sample { x, y })
            .collect();
        // The first average is taken over two updates, so only the first loss would be the same.
        let run = |version: usize| {
            let mut net = network(&device());
            let mut opt = sgd(&net, 0.2);
            let fit = [plain::fit, near::fit, sam::fit][version];
            fit(&mut net, &mut opt, &samples).unwrap()
        };
        let [plain, near, sam] = [run(0), run(1), run(2)];
        for averages in [&plain, &near, &sam] {
            assert!(averages[19] < 0.9 * averages[0], "{averages:?}");
        }
        for (plain, near) in plain.iter().zip(near) {
            assert!((plain - near).abs() < 1e-3);
        }
    }
}

/// A batch of a size known when running, cut into chunks, the last of which is smaller.
mod dynamic_batch {
    use super::*;

    both! {
        #[sam_train(rho = 0.05, m = 4)]
        pub(super) fn train(
            model: &mut Net,
            opt: &mut Sgd<Net, f32, Dev>,
            data: &[([f32; 4], [f32; 3])],
            dev: &Dev,
        ) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let mut losses = Vec::new();
            for _ in 0..10 {
                for batch in data.chunks(10) {
                    let n = batch.len();
                    let x: Vec<f32> = batch.iter().flat_map(|(x, _)| *x).collect();
                    let y: Vec<f32> = batch.iter().flat_map(|(_, y)| *y).collect();
                    let x = dev.tensor_from_vec(x, (n, Const::<4>));
                    let y = dev.tensor_from_vec(y, (n, Const::<3>));
                    let logits = model.forward_mut(x.traced(grads));
                    let loss = cross_entropy_with_logits_loss(logits, y);
                    losses.push(loss.array());
                    grads = loss.backward();
                    opt.update(model, &grads).unwrap();
                    model.zero_grads(&mut grads);
                }
            }
            losses
        }
    }

    #[test]
    fn learns() {
        let data: Vec<_> = batches(&device())
            .into_iter()
            .flat_map(|(x, y)| x.array().into_iter().zip(y.array()))
            .collect();
        both_learn(|version| {
            let dev = device();
            let mut net = network(&dev);
            let mut opt = sgd(&net, 0.2);
            [plain::train, near::train, sam::train][version](&mut net, &mut opt, &data, &dev)
        });
    }
}

/// Double precision, and a radius that follows a schedule.
mod schedule {
    use super::*;

    both! {
        #[sam_train(rho = 0.1 * (1.0 - step as f64 / 20.0), norm = "l3")]
        pub(super) fn train(dev: &Dev) -> Vec<f32> {
            let mut model = dev.build_module::<(Linear<3, 8>, Tanh, Linear<8, 1>), f64>();
            let mut opt = RMSprop::new(&model, RMSpropConfig { lr: 1e-2, ..Default::default() });
            let x: Tensor<Rank2<6, 3>, f64, _> = dev.sample_normal();
            let y: Tensor<Rank2<6, 1>, f64, _> = dev.sample_normal();
            let mut losses = Vec::new();
            let mut grads = Some(model.alloc_grads());
            for step in 0..20 {
                let output = model.forward_mut(x.trace(grads.take().unwrap()));
                let loss = huber_loss(output, y.clone(), 1.0);
                losses.push(loss.array() as f32);
                let mut new = loss.backward();
                opt.cfg.lr = 3e-2 * 0.95_f64.powi(step);
                if let Err(e) = opt.update(&mut model, &new) {
                    panic!("{e:?}");
                }
                model.zero_grads(&mut new);
                grads = Some(new);
            }
            losses
        }
    }

    #[test]
    fn learns() {
        both_learn(|version| [plain::train, near::train, sam::train][version](&device()));
    }
}

/// Batch normalization and dropout, with an accuracy that is counted from the logits.
mod regularized {
    use super::*;

    type Arch = (
        (Linear<4, 24>, BatchNorm1D<24>, ReLU),
        DropoutOneIn<8>,
        Linear<24, 3>,
    );
    type Model = <Arch as BuildOnDevice<Dev, f32>>::Built;

    fn correct(logits: &[[f32; 3]], labels: &[[f32; 3]]) -> usize {
        let class = |row: &[f32; 3]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        let pairs = logits.iter().zip(labels);
        pairs.filter(|(a, b)| class(a) == class(b)).count()
    }

    both! {
        #[sam_train(rho = 0.05, m = 4)]
        pub(super) fn train(
            model: &mut Model,
            opt: &mut Sgd<Model, f32, Dev>,
            batches: &[(Images, Labels)],
        ) -> (Vec<f32>, f32) {
            let mut grads = model.alloc_grads();
            let (mut losses, mut hits, mut seen) = (vec![], 0, 0);
            for (i, (x, y)) in batches.iter().cycle().take(60).enumerate() {
                let (x, y) = (x.clone(), y.clone());
                let logits = model.forward_mut(x.traced(grads));
                if i >= 40 {
                    hits += correct(&logits.array(), &y.array());
                    seen += 8;
                }
                let loss = cross_entropy_with_logits_loss(logits, y);
                losses.push(loss.array());
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            (losses, hits as f32 / seen as f32)
        }
    }

    #[test]
    fn learns() {
        let data = batches(&device());
        for train in [plain::train, near::train, sam::train] {
            let dev = device();
            let mut model = dev.build_module::<Arch, f32>();
            let mut opt = sgd(&model, 0.2);
            let (losses, accuracy) = train(&mut model, &mut opt, &data);
            assert!(losses[59] < losses[0], "{losses:?}");
            assert!(accuracy > 0.6, "{accuracy}");
        }
    }
}
