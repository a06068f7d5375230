//! A network that learned from a table becomes one file with all that predicting takes, and ONNX for other programs.

use std::path::Path;

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    data::table::{Columns, Table, TableEncoder},
    nn::onnx,
    predict::{self, Predictor},
    prelude::*,
};

type Net = (Linear<4, 16>, ReLU, Linear<16, 3>);

/// 300 pieces of fruit: grams, millimetres and a colour.
fn fruit(dev: &Cpu) -> anyhow::Result<Table> {
    let noise: Tensor<Rank2<300, 2>, f32, _> = dev.sample_normal();
    let mut text = "kind,weight,height,colour\n".to_owned();
    for (i, [n, m]) in noise.array().into_iter().enumerate() {
        let kind = ["apple", "lemon", "pear"][i % 3];
        let weight = [160.0, 100.0, 170.0][i % 3] + 20.0 * n;
        let height = [75.0, 85.0, 100.0][i % 3] + 7.0 * m;
        let colour = if i % 6 == 0 { "red" } else { "yellow" };
        text += &format!("{kind},{weight:.0},{height:.0},{colour}\n");
    }
    Ok(Table::parse(&text)?)
}

#[sam_train(rho = 0.05)]
fn train(table: &Table, encoder: &TableEncoder) -> anyhow::Result<Built<Net>> {
    let dev = Cpu::seed_from_u64(0);
    let loader = DataLoader::<_, 25>::new(encoder.classification::<4, 3>(table)?)?;
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..100 {
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(model)
}

/// What another program does: it knows the network's type and the file.
fn predict(file: &Path) -> anyhow::Result<()> {
    let predictor = Predictor::<Net, Rank1<4>>::open(file, &Cpu::default())?;
    let classes = predictor.description().class_names();
    println!("the classes: {}", classes.join(", "));
    let piece = predictor.row([("colour", "yellow"), ("weight", "98"), ("height", "84")])?;
    println!("one: {} by {:.2}", piece.name(), piece.probability());
    // Several, as they stand in a file.
    let more = Table::parse("weight,height,colour\n155,72,red\n172,105,yellow\n")?;
    for piece in predictor.rows(&more) {
        println!("another: {}", piece?);
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let table = fruit(&Cpu::seed_from_u64(1))?;
    let columns = Columns::new().numbers(["weight", "height"]);
    let encoder = columns.category("colour").class("kind").fit(&table)?;
    let model = train(&table, &encoder)?;

    let dir = tempfile::tempdir()?; // in your program, where your models are
    let file = dir.path().join("fruit.safetensors");
    predict::save(&model, &file, &encoder)?;
    predict(&file)?;

    let example: Tensor<Rank2<1, 4>, f32, _> = Cpu::default().zeros();
    let exported = onnx::model(&model, &example)?;
    let exported = exported.metadata("encoder", encoder.to_json());
    exported.save(dir.path().join("fruit.onnx"))?;
    println!("as ONNX: {} bytes", exported.to_bytes()?.len());
    Ok(())
}
