//! Model files and what is predicted with them: of rows of tables and tensors, bit by bit what `forward` gives; what other programs read
//! in a file; files that are broken in every way. Pictures are tested in `sam-runtime/tests`.
//!
//! | file | what |
//! |---|---|
//! | `rows` | rows of tables |
//! | `tensors` | tensors, and what outputs stand for |
//! | `read` | what other programs read in a file |
//! | `refused` | broken files, and types that take something else |

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sam_runtime::{
    data::table::{
        Category, Columns, Encoded, MissingNumber, Number, Table, TableEncoder, Unknown,
    },
    dfdx::{
        nn::builders,
        optim::{Optimizer, Sgd, SgdConfig},
        shapes::Rank1,
    },
    nn::{prelude::*, weights},
    predict::{self, Description, PredictError, Prediction, Predictor, Preprocessing},
    prelude::*,
    run::checkpoint::module_state,
};
use serde_json::{Value, json};

mod read;
mod refused;
mod rows;
mod tensors;

type Net = (
    Linear<5, 6>,
    BatchNorm1D<6>,
    ReLU,
    DropoutPercent<20>,
    Linear<6, 3>,
);
type Samples = Encoded<Sample<Rank1<5>, 3>>;

/// Flowers with gaps: more than the 64 of one batch, and no multiple of it.
fn flowers() -> Table {
    let mut text = "kind,colour,length,weight\n".to_owned();
    for i in 0..150 {
        let kind = ["iris", "lily", "rose"][i % 3];
        let colour = ["red", "blue"][i / 3 % 2];
        let length = (i % 11 != 4).then(|| (20 + 7 * (i % 3) + i % 5) as f64 / 10.0);
        let weight = (i % 9 != 2).then(|| 100 + 13 * (i % 7));
        let texts = [length.map(|x| x.to_string()), weight.map(|x| x.to_string())];
        let [length, weight] = texts.map(Option::unwrap_or_default);
        text += &format!("{kind},{colour},{length},{weight}\n");
    }
    Table::parse(&text).unwrap()
}

fn encoder(table: &Table) -> TableEncoder {
    Columns::new()
        .number(Number::new("length").missing(MissingNumber::Mean))
        .number(Number::new("weight").missing(MissingNumber::Indicator))
        .category(Category::new("colour").unknown(Unknown::Zeros))
        .class("kind")
        .fit(table)
        .unwrap()
}

/// A network that has learned a little, so that its running statistics are no longer those of the beginning.
fn trained(samples: &Samples) -> Built<Net> {
    let dev = Cpu::seed_from_u64(3);
    let mut net = dev.build_module::<Net, f32>();
    let config = SgdConfig {
        lr: 0.3,
        ..Default::default()
    };
    let mut opt = Sgd::new(&net, config);
    let loader = DataLoader::<_, 10>::new(samples.clone()).unwrap();
    for (x, y) in (0..5).flat_map(|epoch| loader.epoch(&dev, epoch)) {
        let logits = net.forward_mut(x.traced(net.alloc_grads()));
        let grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(&mut net, &grads).unwrap();
    }
    net
}

/// A table, its encoder, its samples, and a network for them.
fn model() -> (Table, TableEncoder, Samples, Built<Net>) {
    let table = flowers();
    let encoder = encoder(&table);
    let samples = encoder.classification::<5, 3>(&table).unwrap();
    let net = trained(&samples);
    (table, encoder, samples, net)
}

/// What `forward` gives for the batches of a loader's evaluation, row by row.
fn logits(net: &Built<Net>, samples: &Samples, batch: usize) -> Vec<Vec<f32>> {
    let dev = Cpu::default();
    let batches = chunks(samples, &dev, batch).map(|(x, _)| net.forward(x).as_vec());
    let rows = batches.flat_map(|batch| batch.chunks(3).map(<[f32]>::to_vec).collect::<Vec<_>>());
    rows.collect()
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("model.safetensors")
}

/// A file as a reader with JSON alone sees it: the header, and the bytes behind it.
fn parts(file: &[u8]) -> (BTreeMap<String, Value>, &[u8]) {
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, bytes) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (serde_json::from_slice(header).unwrap(), bytes)
}

/// A file of these parts.
fn joined(header: &BTreeMap<String, Value>, bytes: &[u8]) -> Vec<u8> {
    let text = serde_json::to_vec(header).unwrap();
    [&(text.len() as u64).to_le_bytes(), &text[..], bytes].concat()
}
