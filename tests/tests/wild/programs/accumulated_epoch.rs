//! An epoch of a language model: gradients in an `Option`, errors that are printed and skipped, accumulation.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};

const BATCH_SIZE: usize = 3;
const BATCH_ACCUM: usize = 2;
type Model<const VOCAB: usize, const EMBED: usize, const SEQ: usize> =
    (Embedding<VOCAB, EMBED>, Tanh, Linear<EMBED, VOCAB>);
type BuiltModel<const VOCAB: usize, const EMBED: usize, const SEQ: usize, E, D> = (
    dfdx::nn::modules::Embedding<VOCAB, EMBED, E, D>,
    Tanh,
    dfdx::nn::modules::Linear<EMBED, VOCAB, E, D>,
);

struct Bar {
    at: std::cell::Cell<u64>,
}
impl Bar {
    fn set_position(&self, p: u64) {
        self.at.set(p);
        h::rec(format!("bar {p}"))
    }
    fn set_message(&self, m: String) {
        h::rec(m)
    }
}
struct Board {
    iter: usize,
}
impl Board {
    fn record(&mut self, n: &str, v: f64, k: usize) {
        self.iter += k;
        h::rec(format!("{n} {v} {}", self.iter));
        if n == "ppl" {
            h::loss(v)
        }
    }
}
struct Average {
    value: f64,
}
impl Average {
    fn update(&mut self, v: f64) {
        self.value = if self.value == 0.0 {
            v
        } else {
            0.7 * self.value + 0.3 * v
        }
    }
}
struct Dataloader<T> {
    all: Vec<T>,
    n: usize,
}
impl<T: Clone> Dataloader<T> {
    fn len(&self) -> usize {
        self.n
    }
    fn iter_len(&mut self) -> impl Iterator<Item = (T, usize)> + '_ {
        let n = self.n;
        (0..n).filter(|i| h::takes(*i)).map(move |i| {
            h::rec(format!("load {i}"));
            (self.all[i % self.all.len()].clone(), n - i)
        })
    }
}

pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(4);
    let mut model = Model::<6, 5, 4>::build_on_device(&dev);
    h::init(&mut model);
    let all = (0..6)
        .map(|b| {
            (
                [0, 1, 2].map(|s| [0, 1, 2, 3].map(|t| (b + s + t) % 6)),
                [0, 1, 2].map(|s| [0, 1, 2, 3].map(|t| (b + s + t + 1) % 6)),
            )
        })
        .collect();
    let mut data = Dataloader { all, n: h::steps() };
    let mut opt: Sgd<_, _, _> = Sgd::new(
        &model,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let mut tb = Board { iter: 0 };
    train_epoch(&mut model, &mut data, &mut opt, &dev, &mut tb);
    h::done(&model);
}

#[sam_train(rho = 0.05)]
fn train_epoch<const SEQ: usize, const VOCAB: usize, const EMBED: usize, D: Device<f64>, O>(
    model: &mut BuiltModel<VOCAB, EMBED, SEQ, f64, D>,
    dataset: &mut Dataloader<([[usize; SEQ]; BATCH_SIZE], [[usize; SEQ]; BATCH_SIZE])>,
    opt: &mut O,
    dev: &D,
    tensorboard: &mut Board,
) where
    D: Device<f64>
        + std::fmt::Debug
        + dfdx::tensor::TensorFrom<[[usize; SEQ]; BATCH_SIZE], Rank2<BATCH_SIZE, SEQ>, usize>,
    BuiltModel<VOCAB, EMBED, SEQ, f64, D>: Module<
            Tensor<Rank2<BATCH_SIZE, SEQ>, usize, D, OwnedTape<f64, D>>,
            Output = Tensor<Rank3<BATCH_SIZE, SEQ, VOCAB>, f64, D, OwnedTape<f64, D>>,
        >,
    Tensor<(), f64, D, OwnedTape<f64, D>>: AsArray<Array = f64>,
    O: Optimizer<BuiltModel<VOCAB, EMBED, SEQ, f64, D>, D, f64>,
{
    let total_len = dataset.len();
    let bar = Bar {
        at: std::cell::Cell::new(0),
    };
    let mut loss_avg = Average { value: 0.0 };
    let mut gradients = Some(model.alloc_grads());
    let mut gradients_kept = None;
    for ((input, target), left) in dataset.iter_len() {
        let input = match gradients.take() {
            Some(g) => dev.tensor(input).traced(g),
            None => dev.tensor(input).traced(gradients_kept.take().unwrap()),
        };
        let output = match model.try_forward(input) {
            Ok(o) => o,
            Err(e) => {
                println!("Forward Error: {e:?}");
                continue;
            }
        };

        let loss =
            match one_hot_encode(&target, dev).map(|t| cross_entropy_with_logits_loss(output, t)) {
                Ok(l) => l,
                r => {
                    println!("Loss Error: {}", r.is_err());
                    continue;
                }
            };

        let ppl = loss.array().exp();
        loss_avg.update(ppl);
        bar.set_position((total_len - left) as u64);
        bar.set_message(format!("PPL: {:.2}", loss_avg.value));
        tensorboard.record("ppl", loss_avg.value, BATCH_SIZE);

        gradients = Some(loss.backward());

        if left % BATCH_ACCUM == 1 || h::only().is_some() {
            if let Some(mut grads) = gradients.take() {
                if let Err(e) = opt.update(model, &grads) {
                    println!("Update error");
                }
                model.zero_grads(&mut grads);
                gradients_kept = Some(grads);
            }
        }
    }
    drop(bar);
    println!("Train PPL: {}", loss_avg.value);
}

fn one_hot_encode<const B: usize, const S: usize, const V: usize, D: Device<f64>>(
    labels: &[[usize; S]; B],
    dev: &D,
) -> Result<Tensor<(Const<B>, Const<S>, Const<V>), f64, D>, D::Err> {
    let mut data = vec![0.; B * S * V];
    for (b, batch) in labels.iter().enumerate() {
        for (i, l) in batch.iter().enumerate() {
            data[b * S * V + i * V + *l] = 1.;
        }
    }
    dev.try_tensor_from_vec(data, (Const::<B>, Const::<S>, Const::<V>))
}
