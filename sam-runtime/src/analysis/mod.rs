//! Measures of a trained model: how sharp is the minimum it sits in?
//!
//! | file | what |
//! |---|---|
//! | `accuracy` | [`accuracy`]: the share of samples that are given their class |
//! | `metrics` | [`metrics`]: of predictions, batch by batch: confusion matrix, F1, ROC-AUC, calibration, regression |
//! | `sharpness` | [`sharpness`]: how much worse the loss gets within rho of the weights; m-sharpness |
//! | `objective` | [`Objective`]: the loss over a data set as a function of the weights, which the others ask |
//! | `spectrum`, `lanczos` | the Hessian's largest eigenvalues, spectral density and trace |
//! | `landscape` | the loss along a line and on a plane |
//! | `bound` | [`PacBayes`]: the paper's bound |
//! | `pictures` | what was found, drawn (feature `plot`) |
//! | `estimate` | [`Estimate`]: a mean and its standard error |
//! | `vectors` | vectors as large as the parameters |

mod accuracy;
mod bound;
mod estimate;
#[cfg(feature = "spectrum")]
mod lanczos;
mod landscape;
pub mod metrics;
mod objective;
#[cfg(feature = "plot")]
mod pictures;
mod sharpness;
#[cfg(feature = "spectrum")]
mod spectrum;
mod vectors;

pub use accuracy::{accuracy, correct, correct_top_k, try_accuracy};
pub use bound::PacBayes;
pub use estimate::Estimate;
pub use landscape::{LossLine, LossPlane};
pub use objective::Objective;
pub use sharpness::{Sharpness, sharpness, sharpness_by};
#[cfg(feature = "spectrum")]
pub use spectrum::{Eigenvalues, Search, SpectralDensity};
