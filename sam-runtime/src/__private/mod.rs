//! What `#[sam_train]` expands to calls of. Not for users: it changes without notice.
//!
//! | file | what |
//! |---|---|
//! | `driver` | the step, as the expansion drives it |
//! | `record` | what enters the slice from outside |
//! | `change` | values from outside that the slice may change by a method |
//! | `own` | what is changed behind a shared reference |
//! | `view` | places that the replay only reads |
//! | `input` | the inputs and tapes of sites, and the devices that the slice may draw from |
//! | `by_type` | what is done to a value by what its type can |
//! | `chunks` | the batch in chunks |
//! | `lanes` | the same, at once |
//! | `observed` | what the loop reads of the slice, collected from the chunks |
//! | `sum` | sums in the chunks of a batch |
//! | `result` | how a step ends: a gradient, an error, a panic |

mod by_type;
mod change;
mod chunks;
mod driver;
mod input;
mod lanes;
mod observed;
mod own;
mod record;
mod result;
mod sum;
mod view;

pub use by_type::*;
pub use change::*;
pub use chunks::*;
pub use driver::*;
pub use input::*;
pub use lanes::*;
pub use observed::*;
pub use own::*;
pub use record::*;
pub use result::*;
pub use sum::*;
pub use view::*;

pub use dfdx::tensor::{Gradients, Trace};

pub use crate::step::{Batch, Settings, Share, SplitBatch};
use dfdx::{nn::tensor_collection::TensorCollection, prelude::*};

use crate::{
    device::Norm,
    step::{NonFinite, When, steps_of},
};

/// The settings that the attribute's keys spell.
pub const fn settings(rho: f64, norm_p: f64, skip_nonfinite: bool) -> Settings {
    let mut settings = Settings::new(rho, Norm::from_p(norm_p));
    if skip_nonfinite {
        settings.nonfinite = NonFinite::Skip;
    }
    settings
}

/// rho, or 0 for a step of `model` that is the base optimizer's.
pub fn rho_of<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    model: &M,
    rho: f64,
    when: When,
) -> f64 {
    match when.is_sam(steps_of(model)) {
        true => rho,
        false => 0.0,
    }
}
