//! Metrics of predictions, taken batch by batch.
//!
//! | metric | what |
//! |---|---|
//! | [`ConfusionMatrix`] | which class was taken for which; accuracy, balanced accuracy, precision, recall, F1; as text and as a picture |
//! | [`Accuracy`] | top-k accuracy |
//! | [`BinaryRanking`], [`OneVsRest`] | the area under the ROC curve, average precision: of two classes, and of several |
//! | [`CalibrationError`] | whether probabilities mean what they say |
//! | [`RegressionErrors`] | mean absolute and root mean squared errors, R² |
//!
//! Each is made empty, takes batches of any size, and takes in another of its kind with `merge`, as of another thread or
//! rank. All of them can be saved and sent (`serde`). Arithmetic is that of `f64` on the host, whatever the tensors are.
//! What a value is where there is nothing to take it of stands with it: NaN as a rule. A NaN among the predictions or
//! targets is an error, and then nothing of the batch is taken ([`Accuracy`] counts it as wrong).
//!
//! ```
//! use sam_runtime::{analysis::metrics::{Average, CalibrationError, ConfusionMatrix}, dfdx::prelude::*};
//!
//! let dev = Cpu::default();
//! let mut confusion = ConfusionMatrix::named(["cat", "dog"]);
//! let mut calibration = CalibrationError::new(15);
//! // Batches of logits and one-hot targets.
//! for _ in 0..3 {
//!     let logits = dev.tensor([[2.0, 0.1], [0.3, 0.2], [-1.0, 3.0]]);
//!     let targets = dev.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
//!     confusion.add(&logits, &targets)?;
//!     calibration.add(&logits, &targets)?;
//! }
//! assert_eq!(confusion.count(1, 0), 3); // dogs that were taken for cats
//! assert_eq!(confusion.recall(Average::Macro), 0.75);
//! assert!((calibration.value() - 0.224).abs() < 1e-3);
//! println!("{confusion}");
//! # Ok::<(), sam_runtime::analysis::metrics::MetricError>(())
//! ```
//!
//! | file | what |
//! |---|---|
//! | `confusion`, `scores`, `text`, `pictures` | the matrix, what is computed of it, and how it is shown (pictures: feature `plot`) |
//! | `accuracy`, `ranking`, `one_vs_rest`, `calibration`, `regression` | the other metrics |
//! | `rows` | tensors as rows of `f64` |
//! | `error` | [`MetricError`] |

mod accuracy;
mod calibration;
mod confusion;
mod error;
mod one_vs_rest;
#[cfg(feature = "plot")]
mod pictures;
mod ranking;
mod regression;
mod rows;
mod scores;
mod text;

pub use accuracy::Accuracy;
pub use calibration::{CalibrationBin, CalibrationError};
pub use confusion::ConfusionMatrix;
pub use error::MetricError;
pub use one_vs_rest::OneVsRest;
pub use ranking::BinaryRanking;
pub use regression::RegressionErrors;
pub use scores::{Average, ClassScores};
