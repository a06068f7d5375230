//! Sharpness-Aware Minimization for dfdx.
pub mod analysis;
pub mod data;
pub mod device;
pub mod schedule;
pub mod step;

#[doc(hidden)]
pub mod __private;
pub mod prelude;

pub use device::Norm;
pub use dfdx;
pub use sam_macros::sam_train;
pub use step::{NonFinite, Sam, StepError, StepReport, last_report};
