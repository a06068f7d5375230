//! Training steps here, for `compare`: the same networks, shapes and optimizer as in
//! `../peers/torch_steps.py`.
//!
//! Speaks lines on stdin and stdout, and sleeps in between:
//!
//! ```text
//! versions                           -> sam-runtime 0.1.0
//! parameters NETWORK LAYOUT          -> how many numbers are trained
//! run NETWORK LAYOUT base|sam STEPS  -> milliseconds per step
//! quit
//! ```
//!
//! NETWORK is mlp, cnn or resnet20. LAYOUT is contiguous: there is one.

use std::{collections::HashMap, io, time::Instant};

use anyhow::{Context, Result, bail};
use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    nn::{Conv2DBatchNormReLU, Flatten2D, Linear, LinearReLU, MaxPool2D, ResNet20},
    prelude::*,
};

const BATCH: usize = 128;
const CLASSES: usize = 10;

type Mlp = (
    LinearReLU<784, 512>,
    LinearReLU<512, 512>,
    Linear<512, CLASSES>,
);
type Cnn = (
    (Conv2DBatchNormReLU<1, 16, 3, 1, 1>, MaxPool2D<2, 2>),
    (Conv2DBatchNormReLU<16, 32, 3, 1, 1>, MaxPool2D<2, 2>),
    (Flatten2D, Linear<1568, CLASSES>),
);
type ResNet = ResNet20<CLASSES>;

type Input<S> = Tensor<S, f32, Cpu>;
type Traced<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;
type OneHot = Rank2<BATCH, CLASSES>;

/// One copy of a network with its optimizer.
struct Training<M> {
    model: M,
    opt: Sgd<M, f32, Cpu>,
    grads: Option<Gradients<f32, Cpu>>,
}

impl<M: TensorCollection<f32, Cpu> + Clone> Training<M> {
    fn new(model: M) -> Self {
        let config = SgdConfig {
            lr: 0.01,
            momentum: None,
            weight_decay: None,
        };
        Self {
            opt: Sgd::new(&model, config),
            grads: Some(model.alloc_grads()),
            model,
        }
    }

    fn base<S: Shape>(&mut self, x: Input<S>, y: Input<OneHot>)
    where
        M: ModuleMut<Traced<S>, Output = Traced<OneHot>>,
    {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
    }

    #[sam_train(rho = 0.05)]
    fn sam<S: Shape>(&mut self, x: Input<S>, y: Input<OneHot>)
    where
        M: ModuleMut<Traced<S>, Output = Traced<OneHot>>,
    {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
    }
}

/// A network with its data. Each of the two steps has its own copy of the weights, made when it is first
/// asked for, so that memory is that of one.
struct Work<M, S: Shape> {
    build: fn(&Cpu) -> M,
    dev: Cpu,
    base: Option<Training<M>>,
    sam: Option<Training<M>>,
    x: Input<S>,
    y: Input<OneHot>,
}

/// Any [`Work`].
trait Steps {
    fn parameters(&self) -> usize;
    fn base(&mut self);
    fn sam(&mut self);
}

impl<M, S: Shape> Steps for Work<M, S>
where
    M: TensorCollection<f32, Cpu> + Clone + ModuleMut<Traced<S>, Output = Traced<OneHot>>,
{
    fn parameters(&self) -> usize {
        (self.build)(&self.dev).num_trainable_params()
    }

    fn base(&mut self) {
        self.base
            .get_or_insert_with(|| Training::new((self.build)(&self.dev)))
            .base(self.x.clone(), self.y.clone());
    }

    fn sam(&mut self) {
        self.sam
            .get_or_insert_with(|| Training::new((self.build)(&self.dev)))
            .sam(self.x.clone(), self.y.clone());
    }
}

fn work<N, S>() -> Box<dyn Steps>
where
    N: BuildOnDevice<Cpu, f32> + 'static,
    N::Built: Clone + ModuleMut<Traced<S>, Output = Traced<OneHot>> + 'static,
    S: ConstShape,
{
    let dev = Cpu::seed_from_u64(0);
    let mut labels = [[0.0; CLASSES]; BATCH];
    for (i, row) in labels.iter_mut().enumerate() {
        row[i % CLASSES] = 1.0;
    }
    Box::new(Work {
        build: |dev| dev.build_module::<N, f32>(),
        base: None,
        sam: None,
        x: dev.sample_normal(),
        y: dev.tensor(labels),
        dev,
    })
}

fn named(network: &str) -> Result<Box<dyn Steps>> {
    Ok(match network {
        "mlp" => work::<Mlp, Rank2<BATCH, 784>>(),
        "cnn" => work::<Cnn, Rank4<BATCH, 1, 28, 28>>(),
        "resnet20" => work::<ResNet, Rank4<BATCH, 3, 32, 32>>(),
        _ => bail!("no network is named {network}"),
    })
}

fn main() -> Result<()> {
    let mut works = HashMap::new();
    for line in io::stdin().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["versions"] => println!("sam-runtime {}", env!("CARGO_PKG_VERSION")),
            ["parameters", network, "contiguous"] => println!("{}", named(network)?.parameters()),
            ["run", network, "contiguous", step, steps] => {
                let steps: u32 = steps.parse().context("STEPS is a number")?;
                if !works.contains_key(network) {
                    works.insert(network.to_owned(), named(network)?);
                }
                let work = works.get_mut(network).expect("it was just made");
                let start = Instant::now();
                for _ in 0..steps {
                    match step {
                        "base" => work.base(),
                        "sam" => work.sam(),
                        _ => bail!("no step is named {step}"),
                    }
                }
                println!("{}", start.elapsed().as_secs_f64() * 1e3 / f64::from(steps));
            }
            ["quit"] => break,
            _ => bail!("what is {line:?}?"),
        }
    }
    Ok(())
}
