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

#[test]
fn the_dfdx_that_is_re_exported_is_the_one_in_use() {
    let dev = sam_runtime::dfdx::tensor::Cpu::default();
    let same: &dfdx::tensor::Cpu = &dev;
    let images = both::Glyphs::train(10, 0);
    let (x, _) = both::chunks(&images, same, 10).next().unwrap();
    assert_eq!(dfdx::shapes::HasShape::shape(&x).0, 10);
}
