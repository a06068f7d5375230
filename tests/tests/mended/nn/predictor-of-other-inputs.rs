//! `predictor-of-other-inputs`, mended.

use sam_runtime::{
    dfdx::prelude::*,
    predict::{PredictError, Predictor},
};

type Net = (Linear<4, 8>, ReLU, Linear<8, 3>);

fn main() -> Result<(), PredictError> {
    let dev = Cpu::default();
    let predictor = Predictor::<Net, Rank1<4>>::open("plants.safetensors", &dev)?;
    println!("{:?}", predictor.description());
    Ok(())
}
