//! A network with a layer that isn't written as ONNX.
//!
//! The graph is made of what each layer says of itself; `nn::onnx` lists those that do.
//!
//! Mended: implement `nn::onnx::ToOnnx` for a layer of your own. Of the layers here, export the part of the network that
//! can be written, or take the weights alone, by `nn::weights::save`.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{GRU, onnx},
};

type Net = (GRU<4, 8>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let example: Tensor<Rank3<1, 5, 4>, f32, _> = dev.zeros();
    let _ = onnx::model(&net, &example);
}
