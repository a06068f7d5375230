//! The prelude stands beside dfdx's: no name means two things.

mod both {
    #[allow(unused_imports)]
    pub(super) use dfdx::{optim::*, prelude::*};
    #[allow(unused_imports)]
    pub(super) use sam_runtime::prelude::*;
}

// An ambiguous name could not be imported by name.
#[allow(unused_imports)]
use both::{
    DataError, DataLoader, Dataset, Glyphs, Images, LabelNoise, Labelled, Mnist, Norm, Sam, Sample,
    Schedule, StepError, StepReport, TakeFirst, chunks, last_report, sam_train,
};

/// The prelude of layers stands in the place of dfdx's.
mod layers {
    #[allow(unused_imports)]
    pub(super) use sam_runtime::{dfdx::optim::*, nn::prelude::*, prelude::*};

    // These, and not dfdx's: the types are the same.
    pub(super) fn all(
        x: (
            sam_runtime::nn::Linear<1, 2>,
            sam_runtime::nn::BatchNorm1D<2>,
            sam_runtime::nn::BatchNorm2D<2>,
            sam_runtime::nn::Bias2D<2>,
            sam_runtime::nn::Conv2D<1, 1, 1>,
            sam_runtime::nn::MaxPool2D<1>,
            sam_runtime::nn::AvgPool2D<1>,
        ),
    ) -> (
        Linear<1, 2>,
        BatchNorm1D<2>,
        BatchNorm2D<2>,
        Bias2D<2>,
        Conv2D<1, 1, 1>,
        MaxPool2D<1>,
        AvgPool2D<1>,
    ) {
        x
    }
}

#[allow(unused_imports)]
use layers::{Built, Flatten2D, Frozen, Linear, LinearReLU, Sgd, SgdConfig, Tensor};

#[test]
fn the_prelude_of_layers_has_this_crates_own() {
    let _: fn(_) -> _ = layers::all;
    let dev = layers::Cpu::default();
    let net: Built<Linear<4, 2>> = layers::DeviceBuildExt::build_module::<Linear<4, 2>, f32>(&dev);
    assert!(std::any::type_name_of_val(&net).starts_with("sam_runtime::nn"));
}

#[test]
fn the_dfdx_that_is_re_exported_is_the_one_in_use() {
    let dev = sam_runtime::dfdx::tensor::Cpu::default();
    let same: &dfdx::tensor::Cpu = &dev;
    let images = both::Glyphs::train(10, 0);
    let (x, _) = both::chunks(&images, same, 10).next().unwrap();
    assert_eq!(dfdx::shapes::HasShape::shape(&x).0, 10);
}
