//! Stage 2: the same loop with SAM, and what it reports.
//!
//! ```console
//! cargo run --release -p guide --example sharpness -- DIR/cifar-10-batches-bin
//! ```

use std::{env, fs, io, path::Path};

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

const BATCH: usize = 100;
const PIXELS: usize = 3 * 32 * 32;

type Mlp = (Linear<PIXELS, 256>, ReLU, Linear<256, 10>);
type Net = Built<Mlp>;

/// Images, and their classes as one-hot rows.
type Batch = (
    Tensor<Rank2<BATCH, PIXELS>, f32, Cpu>,
    Tensor<Rank2<BATCH, 10>, f32, Cpu>,
);

/// The batches of a file, whose records are a label and 3,072 pixels.
fn read(dev: &Cpu, file: &Path) -> io::Result<Vec<Batch>> {
    let bytes = fs::read(file)?;
    let records: Vec<&[u8]> = bytes.chunks_exact(1 + PIXELS).collect();
    let batches = records.chunks_exact(BATCH).map(|records| {
        let (mut x, mut y) = (Vec::new(), vec![0.0; BATCH * 10]);
        for (row, record) in records.iter().enumerate() {
            x.extend(record[1..].iter().map(|pixel| f32::from(*pixel) / 255.0));
            y[row * 10 + usize::from(record[0])] = 1.0;
        }
        let x = dev.tensor_from_vec(x, Default::default());
        (x, dev.tensor_from_vec(y, Default::default()))
    });
    Ok(batches.collect())
}

/// One epoch: the mean loss.
#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, batches: &[Batch]) -> f32 {
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for (x, y) in batches {
        let logits = model.forward_mut(x.trace(grads));
        let loss = cross_entropy_with_logits_loss(logits, y.clone());
        total += loss.array();
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
    total / batches.len() as f32
}

/// The share of images whose largest logit is that of their class.
fn accuracy(model: &Net, batches: &[Batch]) -> f32 {
    let largest = |row: &[f32; 10]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let right = batches.iter().map(|(x, y)| {
        let (logits, y) = (model.forward(x.clone()).array(), y.array());
        let rows = logits.iter().zip(&y);
        rows.filter(|(logits, y)| largest(logits) == largest(y))
            .count()
    });
    right.sum::<usize>() as f32 / (batches.len() * BATCH) as f32
}

fn main() -> io::Result<()> {
    let dir = env::args().nth(1).unwrap_or_else(|| "data/cifar10".into());
    let dir = Path::new(&dir);
    let dev = Cpu::seed_from_u64(0);
    let batches = read(&dev, &dir.join("data_batch_1.bin"))?;
    let test = read(&dev, &dir.join("test_batch.bin"))?;
    let mut model = dev.build_module::<Mlp, f32>();
    let config = SgdConfig {
        lr: 0.01,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: None,
    };
    let mut opt = Sgd::new(&model, config);
    for epoch in 1..=10 {
        let loss = train(&mut model, &mut opt, &batches);
        let accuracy = 100.0 * accuracy(&model, &test);
        print!("epoch {epoch}: loss {loss:.3}, test accuracy {accuracy:.1} %");
        // Of the epoch's last batch.
        if let Some(report) = last_report() {
            print!(", sharpness {:.4}", report.sharpness().unwrap_or(f64::NAN));
            let norm = report.gradient_norm().unwrap_or(f64::NAN);
            print!(", gradient {norm:.2}");
        }
        println!();
    }
    Ok(())
}
