//! A CSV file whose classes are unequal: one machine in twenty fails. With and without class weights.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::metrics::ConfusionMatrix,
    data::table::{Columns, Encoded, Table},
    nn::loss::{CrossEntropyLoss, balanced_class_weights},
    prelude::*,
};

type Net = (Linear<5, 16>, ReLU, Linear<16, 2>);
type Machines = Encoded<Sample<Rank1<5>, 2>>;

#[sam_train(rho = 0.05)]
fn train(
    loader: &DataLoader<Machines, 64>,
    criterion: &CrossEntropyLoss,
) -> anyhow::Result<Built<Net>> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..60 {
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = criterion.forward(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(model)
}

/// What would be read from a file.
fn csv() -> String {
    let mut csv = String::from("heat,shaking,kind,state\n");
    let numbers: Tensor<Rank2<3000, 3>, f32, _> = Cpu::seed_from_u64(1).sample_normal();
    for (i, [heat, shaking, noise]) in numbers.array().into_iter().enumerate() {
        let kind = ["pump", "fan", "press"][i % 3];
        let fails = heat + shaking + 0.6 * noise > 2.5;
        let state = if fails { "fails" } else { "works" };
        let (heat, shaking) = (60.0 + 8.0 * heat, 2.0 + 0.5 * shaking);
        csv += &format!("{heat:.1},{shaking:.2},{kind},{state}\n");
    }
    csv
}

fn main() -> anyhow::Result<()> {
    let table = Table::parse(&csv())?; // of a file: Table::open("machines.csv")?
    let states = table.column("state")?;
    let (train_rows, test_rows) = (&table).split_stratified_by(0.7, 1, |row| states[row])?;
    let columns = Columns::new()
        .numbers(["heat", "shaking"])
        .category("kind")
        .class("state");
    let encoder = columns.fit(&train_rows)?; // scales by the training rows alone
    let train_set: Machines = encoder.classification(&train_rows)?;
    let test: Machines = encoder.classification(&test_rows)?;

    let mut counts = [0; 2];
    train_set
        .samples()
        .iter()
        .for_each(|row| counts[row.label()] += 1);
    println!("{:?}: {counts:?} rows", encoder.classes());
    let loader = DataLoader::new(train_set)?;
    let weights = balanced_class_weights(&counts);
    let weighted = CrossEntropyLoss::new().class_weights(weights);
    for (name, criterion) in [("equal", CrossEntropyLoss::new()), ("balanced", weighted)] {
        let model = train(&loader, &criterion)?;
        let mut confusion = ConfusionMatrix::named(encoder.classes());
        for (x, y) in chunks(&test, &Cpu::default(), 256) {
            confusion.add(&model.forward(x), &y)?;
        }
        let fails = confusion.scores()[0]; // in the order of `classes`
        println!("\n{name} weights: F1 of failures {:.3}", fails.f1);
        println!("{confusion}");
    }
    Ok(())
}
