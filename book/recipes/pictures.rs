//! Pictures in folders, one for each class, a small convolutional network, and which classes it takes for which.

use std::{fs, path::Path};

use dfdx::optim::*;
use sam_runtime::{
    analysis::metrics::ConfusionMatrix,
    data::{ImageFolder, Labelled},
    nn::prelude::*,
    prelude::*,
};

type Net = (
    (Conv2D<1, 8, 3, 1, 1>, ReLU, MaxPool2D<2, 2>),
    (Conv2D<8, 16, 3, 1, 1>, ReLU, MaxPool2D<2, 2>),
    (Flatten2D, Linear<784, 4>),
);
type Pictures = Images<Rank3<1, 28, 28>, 4>;

#[sam_train(rho = 0.05)]
fn train(loader: &DataLoader<Pictures, 32>) -> anyhow::Result<Built<Net>> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..8 {
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(model)
}

/// Draws digits as PNG files: `dir/four/4.png`.
fn draw(dir: &Path, digits: &Images<Rank1<784>, 10>) -> anyhow::Result<()> {
    for index in 0..digits.len() {
        let (1 | 4 | 7 | 9) = digits.label(index)? else {
            continue;
        };
        let class =
            ["", "one", "", "", "four", "", "", "seven", "", "nine"][digits.label(index)?];
        fs::create_dir_all(dir.join(class))?;
        let file = dir.join(class).join(format!("{index}.png"));
        image::save_buffer(file, digits.pixels(index)?, 28, 28, image::ColorType::L8)?;
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    draw(&dir.path().join("train"), &Glyphs::train(1_000, 0))?;
    draw(&dir.path().join("test"), &Glyphs::test(500, 0))?;

    let folder = ImageFolder::<Rank3<1, 28, 28>, 4>::open(dir.path().join("train"))?;
    let test = ImageFolder::open_with(dir.path().join("test"), folder.classes())?.load()?;
    let model = train(&DataLoader::new(folder.load()?)?)?;
    let mut confusion = ConfusionMatrix::named(folder.classes());
    for (x, y) in chunks(&test as &Pictures, &Cpu::default(), 100) {
        confusion.add(&model.forward(x), &y)?;
    }
    println!("{confusion}"); // with the feature `plot`: confusion.picture().save("confusion.png")?
    Ok(())
}
