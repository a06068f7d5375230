//! Measures of a trained model: how sharp is the minimum it sits in?

mod accuracy;
mod sharpness;

pub use accuracy::{accuracy, correct};
pub use sharpness::{Sharpness, sharpness};
