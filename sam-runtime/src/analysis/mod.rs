//! Measures of a trained model: how sharp is the minimum it sits in?

mod accuracy;
mod sharpness;

pub use accuracy::{accuracy, correct, correct_top_k, try_accuracy};
pub use sharpness::{Sharpness, sharpness};
