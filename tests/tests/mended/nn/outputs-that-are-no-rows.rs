//! `outputs-that-are-no-rows`, mended.

use sam_runtime::{
    dfdx::prelude::*,
    nn::SequenceMean,
    predict::{Description, PredictError, Predictor},
};

type Net = (SequenceMean, Linear<4, 3>);

fn main() -> Result<(), PredictError> {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let predictor = Predictor::<Net>::new(net, &dev, Description::new())?;
    let sequences: Tensor<Rank3<2, 5, 4>, f32, _> = dev.zeros();
    println!("{:?}", predictor.tensor(sequences)?);
    Ok(())
}
