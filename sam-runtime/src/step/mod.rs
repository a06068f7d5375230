//! Sharpness-Aware Minimization: the two passes, chunks, and what a step reports.
//!
//! One step, in order, and where each thing happens. The attribute's expansion and [`Sam::step`] drive it in the
//! same way.
//!
//! | | what happens | file |
//! |---|---|---|
//! | 1 | the settings are checked, and the model is copied; the copy shares its weights | `machine/running` |
//! | 2 | under `m`, the batch is cut into chunks; each goes through 3 to 8 | `split`, `machine/clean` |
//! | 3 | the clean pass begins: the loop's gradients are put aside, its tape gathers into zeros | `machine/clean` |
//! | 4 | the clean pass ends: the norm of its gradient is taken, and checked | `machine/ascent` |
//! | 5 | the method is asked what follows: mostly one more pass, at a perturbation that it makes of the gradient | `methods/`, `algebra` |
//! | 6 | a copy of the model is moved to `w + e` | `weights` |
//! | 7 | the slice runs again there, with the random numbers of the first time | `random_state`, `machine/replay` |
//! | 8 | its gradient is checked; the method is asked again, or it is added to the loop's: straight by the tape, or by chunks | `machine/replay` |
//! | 9 | the sum is bounded; where something was not finite, the loop's gradients come back | `machine/finish` |
//! | 10 | the report is published; the memory is kept for the next step | `report`, `workspace` |
//!
//! | file | what |
//! |---|---|
//! | `sam`, `shared_sam` | [`Sam`]: the step as a function that takes a closure; with a clean pass on a share of the batch |
//! | `parallel` | [`ParallelSam`]: the chunks of a batch at once |
//! | `side_by_side` | [`SideBySide`]: SAMPa with its two gradients at once |
//! | `machine` | the step as a machine, which [`Sam`] and the attribute's expansion drive |
//! | `settings` | [`Settings`], [`NonFinite`], [`Clip`]: what a step is told |
//! | `methods` | [`methods::Method`]: ways to climb, one file each |
//! | `on`, `when` | [`On`]: the parameters that are perturbed; [`When`]: the steps that are SAM's |
//! | `memory` | what a method keeps from step to step |
//! | `algebra`, `vectors` | the vectors of an ascent, as a method meets them; the operations on those of a model |
//! | `weights` | the weights of the second pass, and their memory |
//! | `twins` | [`Twin`]: batches and devices whose random numbers are their own |
//! | `random_state` | random numbers that both passes share |
//! | `rank` | several ranks that train one model: what a step must know of the others |
//! | `reach` | whether the second pass runs on the perturbed model |
//! | `nonfinite` | gradients that are not finite, where reading means waiting |
//! | `split`, `join` | a batch into chunks, and what the loop reads of the chunks into one value again |
//! | `share` | the first samples of a batch, for a clean pass on a share of it |
//! | `observe` | values without their tape |
//! | `tensors`, `workspace` | what is done with all parameters; memory kept from step to step |
//! | `clip` | [`clip`]: bounds for a gradient, as a function |
//! | `frozen` | parameters that are not perturbed |
//! | `report`, `error` | what a step says, and why it gave no gradient |

mod algebra;
mod clip;
mod error;
mod frozen;
mod join;
mod machine;
mod memory;
pub mod methods;
mod nonfinite;
mod observe;
mod on;
mod parallel;
mod random_state;
pub(crate) mod rank;
mod reach;
mod report;
mod sam;
mod settings;
mod share;
mod shared_sam;
mod side_by_side;
mod split;
mod tensors;
mod twins;
mod vectors;
mod weights;
mod when;
mod workspace;

pub use clip::clip;
pub use error::{Failure, Pass, StepError};
pub use join::Join;
pub(crate) use machine::{Found, Part, Step};
pub(crate) use memory::{chunks_of_rank, joined, steps_of};
pub use memory::{forget_method_state, method_state, set_method_state};
pub use observe::Observe;
pub use on::{Names, On};
pub use parallel::ParallelSam;
pub(crate) use report::LazyLoss;
pub use report::{StepReport, last_report};
pub use sam::{ChunkedSam, LossValue, Sam};
pub use settings::{Clip, NonFinite, Settings};
pub use share::Share;
pub(crate) use share::first_beside;
pub use shared_sam::SharedSam;
pub(crate) use shared_sam::first_rows;
pub use side_by_side::SideBySide;
pub use split::{Batch, SplitBatch};
pub(crate) use split::{chunk_rows, split_beside};
pub(crate) use tensors::{device_of, parameter_ids};
pub use twins::{Twin, Twins};
pub use when::When;
pub use workspace::release_memory;

/// What measures of a model take of a step: its vectors, and a copy of the model elsewhere.
pub(crate) mod parts {
    pub(crate) use super::{
        algebra::Displacement, vectors::ModelVectors, weights::PerturbedWeights,
    };
}
