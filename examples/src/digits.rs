use std::path::PathBuf;

use sam_runtime::{
    dfdx::shapes::{Rank1, Rank3},
    prelude::*,
};

use crate::side_by_side;

/// That of a picture of MNIST.
pub type Shape = Rank3<1, 28, 28>;
/// Pictures of digits.
pub type Digits = TakeFirst<Images<Shape, 10>>;
/// The same with wrong labels among them.
pub type Noisy = LabelNoise<Digits>;

/// Where the digits come from, how many, and what is drawn of what they show.
#[derive(clap::Args, Clone, Debug)]
pub struct Source {
    /// A folder with MNIST's four files, or Fashion-MNIST's; left out, digits are drawn
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// How many training images to use, from the first on
    #[arg(long, default_value_t = 2_000)]
    pub images: usize,
    /// How many times to train each, with other initial weights, another order, other wrong labels
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Draws what is found into this file
    #[cfg(feature = "plot")]
    #[arg(long)]
    pub plot: Option<PathBuf>,
}

impl Source {
    /// The training images. The drawn ones are others for each seed.
    pub fn train(&self, seed: u64) -> anyhow::Result<Digits> {
        let images = match &self.data {
            Some(folder) => Mnist::train(folder)?,
            None => Glyphs::train(self.images, seed),
        };
        Ok(images.reshape().take_first(self.images))
    }

    /// The training images, this share of them with a label that is wrong.
    pub fn noisy(&self, share: f64, seed: u64) -> anyhow::Result<Noisy> {
        Ok(LabelNoise::symmetric(self.train(seed)?, share, seed)?)
    }

    /// The test images for each seed, whose labels are right.
    pub fn tests(&self) -> anyhow::Result<Vec<Digits>> {
        let whole = |images: Images<Rank1<784>, 10>| images.reshape().take_first(usize::MAX);
        if let Some(folder) = &self.data {
            let images = whole(Mnist::test(folder)?);
            return Ok(vec![images; self.seeds as usize]);
        }
        side_by_side("drawing digits", &Vec::from_iter(0..self.seeds), |&seed| {
            Ok(whole(Glyphs::test(10_000, seed)))
        })
    }

    /// What the images are, in words.
    pub fn describe(&self) -> String {
        match &self.data {
            Some(folder) => format!("{} training images of {}", self.images, folder.display()),
            None => format!("{} drawn digits to train on", self.images),
        }
    }
}
