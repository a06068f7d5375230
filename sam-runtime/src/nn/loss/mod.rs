//! Losses of logits and predictions, in evaluation and on the tape, on every device.
//!
//! | loss | of | PyTorch's |
//! |---|---|---|
//! | [`cross_entropy_with_logits_loss`] | logits and target probabilities, hard or soft | `F.cross_entropy` |
//! | [`CrossEntropyLoss`] | the same with class weights and label smoothing | the same with `weight`, `label_smoothing` |
//! | [`FocalLoss`] | logits of classes and target probabilities | |
//! | [`BinaryCrossEntropyLoss`] | logits of any shape, each yes or no | `F.binary_cross_entropy_with_logits` |
//! | [`BinaryFocalLoss`] | the same | torchvision's `sigmoid_focal_loss` |
//! | [`HuberLoss`] | predictions and targets of any shape | `F.huber_loss` |
//! | [`DistillationLoss`] | a student's logits and a teacher's | `F.kl_div` |
//!
//! ```
//! use sam_runtime::{dfdx::prelude::*, nn::loss::{CrossEntropyLoss, balanced_class_weights}};
//!
//! let dev = Cpu::default();
//! // 900 samples of the first class, 100 of the second.
//! let criterion = CrossEntropyLoss::new()
//!     .class_weights(balanced_class_weights(&[900, 100]))
//!     .label_smoothing(0.1);
//! let logits = dev.tensor([[2.0, -1.0], [0.5, 0.0]]);
//! let targets = dev.tensor([[1.0, 0.0], [0.0, 1.0]]);
//! let loss = criterion.forward(logits.leaky_trace(), targets);
//! let gradient = loss.backward().get(&logits).array();
//! assert!(gradient[1][1] < -gradient[0][0]);
//! ```
//!
//! # Means
//! Each loss is a mean over samples, or over all numbers of a batch, and the divisor is their count alone. So the loss of
//! a batch is the mean of those of its parts, weighted by their sizes: it is the same with the attribute's `m`, on several
//! ranks and where gradients are accumulated. PyTorch's weighted cross entropy of class *indices* divides by the sum of
//! the weights that a batch happens to meet, which no mean over parts gives; of class *probabilities* it divides by the
//! batch, as all losses here do. [`balanced_class_weights`] have the mean 1 over the data set, so that the scale of the
//! loss stays.
//!
//! # Large numbers
//! Losses and gradients are finite for logits as large as 1e4 and beyond, in `f32` as in `f64`. A NaN gives NaN.
//!
//! # In a step
//! `#[sam_train]` reads `criterion.forward(..)` as something that only looks at `criterion`, wherever that is made. So it does under
//! `m`, where the logits and the targets are cut, and the numbers in `criterion` are not.
//!
//! # Errors
//! `forward` panics where `try_forward` gives a [`LossError`].
//!
//! | file | what |
//! |---|---|
//! | `arguments` | what a loss refuses, and tensors as rows |
//! | `cross_entropy`, `binary`, `focal`, `huber`, `distillation` | the losses |

mod arguments;
mod binary;
mod cross_entropy;
mod distillation;
mod focal;
mod huber;

pub use arguments::LossError;
pub use binary::BinaryCrossEntropyLoss;
pub use cross_entropy::{CrossEntropyLoss, balanced_class_weights, cross_entropy_with_logits_loss};
pub use distillation::DistillationLoss;
pub use focal::{BinaryFocalLoss, FocalLoss};
pub use huber::HuberLoss;
