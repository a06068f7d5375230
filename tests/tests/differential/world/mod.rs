//! What the generated programs are made of. It is compiled twice: here, so that it is type-checked and
//! formatted, and as the crate `world` on which the generated programs depend.

mod batches;
mod drive;
mod effects;
mod helpers;
mod log;
mod macros;
mod models;
mod optimizer;
mod state;

/// Everything that a generated program names.
pub mod prelude {
    pub use std::{
        cell::{Cell, RefCell},
        collections::{BTreeMap, VecDeque},
        rc::Rc,
        sync::{
            Arc, Mutex, RwLock,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
    };

    pub use dfdx::{
        nn::tensor_collection::TensorCollection,
        optim::*,
        prelude::*,
        tensor::{CpuError, Gradients},
    };
    pub use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
    pub use sam_runtime::prelude::*;

    pub use super::{
        batches::*,
        drive::radius,
        effects::*,
        helpers::*,
        log::{caught, record},
        models::*,
        optimizer::*,
        state::*,
    };
}

pub use drive::{Entry, drive};
