//! A predictor of rows whose network takes rows of another length.
//!
//! What a predictor takes stands in its type, `Predictor::<Net, Rank1<F>>`, and the network must take batches of it.
//!
//! Mended: name the network's own input: the numbers that a row makes, or the shape of an image. Without a shape, a predictor takes tensors.

use sam_runtime::{
    dfdx::prelude::*,
    predict::{PredictError, Predictor},
};

type Net = (Linear<4, 8>, ReLU, Linear<8, 3>);

fn main() -> Result<(), PredictError> {
    let dev = Cpu::default();
    let predictor = Predictor::<Net, Rank1<5>>::open("plants.safetensors", &dev)?;
    println!("{:?}", predictor.description());
    Ok(())
}
