//! What a training loop needs, beside `use dfdx::{prelude::*, optim::*};`.

pub use crate::{
    Norm, Sam, StepError, StepReport, data::*, last_report, sam_train, schedule::Schedule,
};
