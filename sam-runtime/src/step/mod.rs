//! Sharpness-Aware Minimization: the two passes, chunks, and what a step reports.
//!
//! | file | what |
//! |---|---|
//! | `sam` | [`Sam`]: the step as a function that takes a closure |
//! | `passes` | the step as a machine, which [`Sam`] and the attribute's expansion drive; `settings`: what it is told |
//! | `marks` | random numbers that both passes share |
//! | `reach` | whether the second pass runs on the perturbed model |
//! | `split`, `join` | a batch into chunks, and what was seen of the chunks into one value again |
//! | `observe` | values without their tape |
//! | `tensors`, `workspace` | walks over a model; memory kept from step to step |
//! | `clip` | [`Clip`]: bounds for the final gradient |
//! | `frozen` | parameters that are not perturbed |
//! | `report`, `error` | what a step says, and why it gave no gradient |

mod clip;
mod error;
mod frozen;
mod join;
mod marks;
mod observe;
mod passes;
mod queued;
mod reach;
mod report;
mod sam;
mod settings;
mod split;
mod tensors;
mod watch;
mod weights;
mod workspace;

use serde::{Deserialize, Serialize};

pub use clip::{Clip, clip};
pub use error::{Failure, Pass, StepError};
pub use join::Join;
pub use observe::Observe;
pub use report::{StepReport, last_report};
pub use sam::{LossValue, Sam};
pub use split::{Batch, SplitBatch};
pub(crate) use split::{chunk_rows, split_beside};
pub(crate) use tensors::device_of;
pub use workspace::release_memory;

pub use settings::Settings;

/// The step as a machine, for the expansion.
pub(crate) mod machine {
    pub(crate) use super::passes::Step;
    pub(crate) use super::report::LazyLoss;
}

/// What a gradient norm of NaN or infinity does.
///
/// ```
/// use sam_runtime::{NonFinite, Sam, StepError, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let grads = model.alloc_grads();
/// for (nonfinite, is_error) in [(NonFinite::Skip, false), (NonFinite::Error, true)] {
///     let x: Tensor<Rank2<8, 4>, f32, _> = dev.ones();
///     let sam = Sam::new(0.05).nonfinite(nonfinite);
///     let result = sam.step(&mut model, x * f32::INFINITY, grads.clone(), |model, x, grads| {
///         model.forward_mut(x.traced(grads)).mean()
///     });
///     assert_eq!(matches!(result, Err(StepError::NonFinite { .. })), is_error);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NonFinite {
    /// The step fails with [`StepError::NonFinite`].
    #[default]
    Error,
    /// The batch is left out: the starting gradients come back unchanged.
    Skip,
}
