//! The misfit is inside of a residual block, behind layers that fit.
//!
//! Entry: channels-differ

use sam_runtime::{
    dfdx::prelude::*,
    nn::{BatchNorm2D, Conv2D, Conv2DBatchNormReLU, GlobalAvgPool2D, Linear},
};

type Down = GeneralizedResidual<
    (Conv2DBatchNormReLU<16, 32, 3, 2, 1>, Conv2D<32, 32, 3, 1, 1>, BatchNorm2D<64>),
    Conv2D<16, 32, 1, 2>,
>;
type Net = ((Conv2DBatchNormReLU<3, 16, 3, 1, 1>, Down, ReLU), GlobalAvgPool2D, Linear<32, 10>);

fn main() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.zeros();
    net.forward_mut(x.leaky_trace());
}
