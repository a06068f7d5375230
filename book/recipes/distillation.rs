//! Distillation: a small network learns from a large one, on pictures whose labels nobody knows.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{analysis::accuracy, data::Classifier, nn::loss::DistillationLoss, prelude::*};

type Teacher = (Linear<784, 256>, ReLU, Linear<256, 10>);
type Student = (Linear<784, 24>, ReLU, Linear<24, 10>);
type Loader = DataLoader<Images<Rank1<784>, 10>, 50>;

/// Trains `model` on the labels or, with a teacher, on what that says of the pictures.
#[sam_train(rho = 0.05)]
fn train<N: Classifier<Rank1<784>, 50, 10, Cpu>>(
    model: &mut N,
    loader: &Loader,
    teacher: Option<&Built<Teacher>>,
) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let mut opt = Adam::new(model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..800 / loader.len() {
        for (x, labels) in loader.epoch(&dev, epoch) {
            let taught = teacher.map(|teacher| teacher.forward(x.clone()));
            let logits = model.forward_mut(x.traced(grads));
            let loss = match taught {
                Some(taught) => DistillationLoss::new(2.0).forward(logits, taught),
                None => cross_entropy_with_logits_loss(logits, labels),
            };
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let test = Glyphs::test(1_000, 0);
    let dev = Cpu::seed_from_u64(0);
    let mut teacher = dev.build_module::<Teacher, f32>();
    train(
        &mut teacher,
        &DataLoader::new(Glyphs::train(4_000, 0))?,
        None,
    )?;
    let right = accuracy(&teacher, chunks(&test, &dev, 500));
    println!("the teacher, from 4000 labels: accuracy {right:.3}");

    let new = dev.build_module::<Student, f32>();
    let mut student = new.clone();
    train(&mut student, &DataLoader::new(Glyphs::train(200, 1))?, None)?;
    let right = accuracy(&student, chunks(&test, &dev, 500));
    println!("a student, from 200 labels: accuracy {right:.3}");

    let mut student = new;
    let unlabelled = DataLoader::new(Glyphs::train(4_000, 2))?;
    train(&mut student, &unlabelled, Some(&teacher))?;
    let right = accuracy(&student, chunks(&test, &dev, 500));
    println!("the same, from the teacher alone: accuracy {right:.3}");
    Ok(())
}
