//! What each method costs: a training step of the small CNN that is compared with PyTorch, or of the MLP with
//! `method-cost mlp` and that of `examples/mnist.rs` with `method-cost mnist`, by each method beside the base step, in turns. Ends with one line of JSON.

use dfdx::{optim::*, prelude::*};
use sam_benches::{
    beside,
    networks::{BATCH, CLASSES, Cnn, Input, Mlp, Network, batch},
};
use sam_runtime::{
    Norm, Sam,
    nn::{Built, Linear, LinearReLU},
    step::{
        On, SideBySide, When,
        methods::{Asam, Esam, Fsam, Gsam, LookSam, LpSam, Msam, Sampa, Stable, Usam, Vasso, Wsam},
    },
};

/// That of `examples/mnist.rs`.
type Mnist = (
    LinearReLU<784, 256>,
    LinearReLU<256, 256>,
    Linear<256, CLASSES>,
);

/// Rounds, and steps of one: as many for each fifth step to be among them alike.
const ROUNDS: usize = 21;
const STEPS: usize = 10;

/// The base step itself, without [`Sam`], and each method.
fn ways() -> Vec<(&'static str, Option<Sam>)> {
    let sam = || Sam::new(0.05);
    let two = LpSam {
        steps: 2,
        ..LpSam::ONE_STEP
    };
    let whole = LpSam {
        second_order: true,
        ..LpSam::ONE_STEP
    };
    let every = |every| When {
        every,
        ..When::ALWAYS
    };
    vec![
        ("base step", None),
        ("the same by `Sam`, rho = 0", Some(Sam::new(0.0))),
        ("SAM", Some(sam())),
        ("SAM, L-infinity", Some(Sam::new(1e-4).norm(Norm::LINF))),
        ("SAM, `on = \"norm\"`", Some(sam().on(On::Norm))),
        ("SAM, 2 inner steps", Some(sam().method(two))),
        ("SAM, second order", Some(sam().method(whole))),
        ("ASAM", Some(sam().method(Asam::default()))),
        ("USAM", Some(sam().method(Usam))),
        ("GSAM", Some(sam().method(Gsam::default()))),
        ("WSAM", Some(sam().method(Wsam::default()))),
        ("StableSAM", Some(sam().method(Stable))),
        ("F-SAM", Some(sam().method(Fsam::default()))),
        ("VaSSO", Some(sam().method(Vasso::default()))),
        ("ESAM, weights", Some(sam().method(Esam::default()))),
        ("SAMPa", Some(sam().method(Sampa::default()))),
        ("LookSAM, k = 5", Some(sam().method(LookSam::default()))),
        ("MSAM", Some(sam().method(Msam::default()))),
        ("SAM, every 2nd step", Some(sam().when(every(2)))),
        ("SAM, every 5th step", Some(sam().when(every(5)))),
    ]
}

/// SAMPa's two gradients at once, and one after the other.
const AT_ONCE: [(&str, bool); 2] = [
    ("SAMPa, both passes at once", true),
    ("SAMPa, one after the other", false),
];

const SHARE: &str = "SAM, `ascent = 0.25`";

/// A network in training: SGD with a learning rate of 0.01.
struct Training<M: TensorCollection<f32, Cpu>> {
    model: M,
    opt: Sgd<M, f32, Cpu>,
    grads: Option<Gradients<f32, Cpu>>,
}

impl<M: TensorCollection<f32, Cpu>> Training<M> {
    fn new(model: M) -> Self {
        let config = SgdConfig {
            lr: 0.01,
            momentum: None,
            weight_decay: None,
        };
        let (opt, grads) = (Sgd::new(&model, config), Some(model.alloc_grads()));
        Self { model, opt, grads }
    }

    fn step<S: Shape>(
        &mut self,
        sam: Option<&Sam>,
        x: Input<S, Cpu>,
        y: Input<Rank2<BATCH, CLASSES>, Cpu>,
    ) where
        M: Network<S, BATCH, Cpu>,
    {
        let loss = |model: &mut M, (x, y): (Input<S, Cpu>, _), grads| {
            let logits = model.forward_mut(x.traced(grads));
            cross_entropy_with_logits_loss(logits, y)
        };
        let grads = self.grads.take().unwrap();
        let model = &mut self.model;
        let grads = match sam {
            Some(sam) => sam.step(model, (x, y), grads, loss).unwrap(),
            None => loss(model, (x, y), grads).backward(),
        };
        self.update(grads);
    }

    fn update(&mut self, mut grads: Gradients<f32, Cpu>) {
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
    }
}

/// Milliseconds per step, and their ratio to the base step's.
type Cost = (f64, f64);

/// That of each way.
fn race<N, S>(ways: &[(&'static str, Option<Sam>)]) -> Vec<(&'static str, Cost)>
where
    N: BuildOnDevice<Cpu, f32>,
    N::Built: Network<S, BATCH, Cpu>,
    S: ConstShape,
{
    let dev = Cpu::seed_from_u64(0);
    let (x, y) = batch::<S, BATCH, Cpu>(&dev);
    let run = |training: &mut Training<N::Built>, sam: Option<&Sam>| {
        for _ in 0..STEPS {
            training.step(sam, x.clone(), y.clone());
        }
    };
    let times = ways.iter().map(|(name, sam)| {
        let mut base = Training::new(dev.build_module::<N, f32>());
        let mut training = Training::new(dev.build_module::<N, f32>());
        let (time, ratio) = beside(
            || run(&mut base, None),
            || run(&mut training, sam.as_ref()),
            ROUNDS,
        );
        (*name, (time / STEPS as f64, ratio))
    });
    times.collect()
}

/// The same for [`SideBySide`].
fn race_at_once<N, S>(is_at_once: bool) -> Cost
where
    N: BuildOnDevice<Cpu, f32>,
    N::Built: Network<S, BATCH, Cpu> + TensorCollection<f32, Cpu, To<f32, Cpu> = N::Built> + Send,
    S: ConstShape,
{
    let dev = Cpu::seed_from_u64(0);
    let (x, y) = batch::<S, BATCH, Cpu>(&dev);
    let mut base = Training::new(dev.build_module::<N, f32>());
    let Training {
        mut model, mut opt, ..
    } = Training::new(dev.build_module::<N, f32>());
    let method = Sampa {
        lr: 0.01,
        ..Sampa::default()
    };
    let mut sampa = SideBySide::new(0.1, method);
    if !is_at_once {
        sampa = sampa.one_after_the_other();
    }
    let mut step = || {
        let loss = |model: &mut N::Built, (x, y): (Input<S, Cpu>, _), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        };
        let batch = (x.clone(), y.clone());
        if let Some(grads) = sampa.step(&mut model, batch, loss).unwrap() {
            opt.update(&mut model, grads).unwrap();
        }
    };
    let (time, ratio) = beside(
        || (0..STEPS).for_each(|_| base.step(None, x.clone(), y.clone())),
        || (0..STEPS).for_each(|_| step()),
        ROUNDS,
    );
    (time / STEPS as f64, ratio)
}

/// The same for a clean pass on a quarter of the batch, which takes batches of any size.
fn race_on_share() -> Cost {
    let dev = Cpu::seed_from_u64(0);
    let (x, y) = batch::<Rank4<BATCH, 1, 28, 28>, BATCH, Cpu>(&dev);
    let sam = Sam::new(0.05).ascent(0.25);
    let mut base = Training::new(dev.build_module::<Cnn, f32>());
    let mut training = Training::new(dev.build_module::<Cnn, f32>());
    type Images = Tensor<(usize, Const<1>, Const<28>, Const<28>), f32, Cpu>;
    type Labels = Tensor<(usize, Const<CLASSES>), f32, Cpu>;
    let on_share = |training: &mut Training<Built<Cnn>>| {
        let grads = training.grads.take().unwrap();
        let batch = (x.clone(), y.clone());
        let grads = sam.step(
            &mut training.model,
            batch,
            grads,
            |model, (x, y): (Images, Labels), grads| {
                let logits = model.forward_mut(x.traced(grads));
                cross_entropy_with_logits_loss(logits, y)
            },
        );
        training.update(grads.unwrap());
    };
    let (time, ratio) = beside(
        || (0..STEPS).for_each(|_| base.step(None, x.clone(), y.clone())),
        || (0..STEPS).for_each(|_| on_share(&mut training)),
        ROUNDS,
    );
    (time / STEPS as f64, ratio)
}

/// The ways whose names have `only` in them, beside the base step.
fn all<N, S>(only: &str, has_normalisation: bool) -> Vec<(&'static str, Cost)>
where
    N: BuildOnDevice<Cpu, f32>,
    N::Built: Network<S, BATCH, Cpu> + TensorCollection<f32, Cpu, To<f32, Cpu> = N::Built> + Send,
    S: ConstShape,
{
    let mut ways = ways();
    ways.retain(|(name, sam)| sam.is_none() || name.contains(only));
    ways.retain(|(name, _)| has_normalisation || !name.contains("norm"));
    let mut times = race::<N, S>(&ways);
    let at_once = AT_ONCE.iter().filter(|(name, _)| name.contains(only));
    times.extend(at_once.map(|(name, at_once)| (*name, race_at_once::<N, S>(*at_once))));
    times
}

fn main() {
    sam_runtime::device::keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (network, only) = match &*arguments {
        [] => ("cnn", ""),
        [network] => (&**network, ""),
        [network, only, ..] => (&**network, &**only),
    };
    let (of, times) = match network {
        "mlp" => (
            "MLP 784-512-512-10",
            all::<Mlp, Rank2<BATCH, 784>>(only, false),
        ),
        "mnist" => (
            "MLP 784-256-256-10",
            all::<Mnist, Rank2<BATCH, 784>>(only, false),
        ),
        _ => {
            let mut times = all::<Cnn, Rank4<BATCH, 1, 28, 28>>(only, true);
            if SHARE.contains(only) {
                times.push((SHARE, race_on_share()));
            }
            ("small CNN", times)
        }
    };
    println!("{of}, batch {BATCH}, f32, CPU\n");
    println!("| | ms per step | over the base step |\n|---|---|---|");
    for (name, (time, ratio)) in &times {
        println!("| {name} | {time:.2} | {ratio:.2} |");
    }
    let ratios: Vec<_> = times
        .iter()
        .map(|(name, (_, ratio))| serde_json::json!({ "method": name, "ratio": ratio }))
        .collect();
    println!("\n{}", serde_json::Value::from(ratios));
}
