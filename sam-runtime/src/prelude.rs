//! What a training loop needs, beside `use dfdx::{prelude::*, optim::*};`.

pub use crate::{
    Norm, Sam, StepError, StepReport,
    data::{
        DataError, DataLoader, Dataset, Glyphs, Images, LabelNoise, Labelled, Mnist, Sample,
        TakeFirst, chunks,
    },
    last_report, sam_train,
    schedule::Schedule,
};
