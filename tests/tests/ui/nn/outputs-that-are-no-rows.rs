//! A network whose outputs are no rows is asked to predict.
//!
//! A prediction is a row of logits, or of the numbers of a regression: one for each input.
//!
//! Mended: end the network with what makes rows of its outputs, such as `Flatten2D`, `GlobalAvgPool2D` or `SequenceMean`, and a linear layer.

use sam_runtime::{
    dfdx::prelude::*,
    predict::{Description, PredictError, Predictor},
};

fn main() -> Result<(), PredictError> {
    let dev = Cpu::default();
    let net = dev.build_module::<Linear<4, 3>, f32>();
    let predictor = Predictor::<Linear<4, 3>>::new(net, &dev, Description::new())?;
    let sequences: Tensor<Rank3<2, 5, 4>, f32, _> = dev.zeros();
    println!("{:?}", predictor.tensor(sequences)?);
    Ok(())
}
