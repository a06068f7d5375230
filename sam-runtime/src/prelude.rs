//! What a training loop needs, beside `use dfdx::{prelude::*, optim::*};`.

#[cfg(feature = "data")]
pub use crate::data::{
    DataError, DataLoader, Dataset, Glyphs, Images, LabelNoise, Labelled, Mnist, Sample, TakeFirst,
    chunks,
};
pub use crate::{
    Norm, Sam, StepError, StepReport, last_report, nn::Built, sam_train, schedule::Schedule,
};
