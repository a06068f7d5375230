//! `not-for-onnx`, mended.

use sam_runtime::{dfdx::prelude::*, nn::onnx};

type Net = (Linear<4, 8>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let example: Tensor<Rank2<1, 4>, f32, _> = dev.zeros();
    let _ = onnx::model(&net, &example);
}
