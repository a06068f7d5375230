//! What is known of gradients that are not finite, on a device where reading means waiting.

use std::sync::Arc;

use super::DeviceScalars;

/// Where the norms of a step note that they are not finite, without anybody waiting.
#[derive(Clone)]
#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
pub(crate) struct NonFiniteFlags {
    /// One number, of this step: the code of the pass whose gradient was not finite, 0 for none.
    pub(crate) step: Arc<dyn DeviceScalars>,
    /// Since the host last looked: the code of the pass, its norm, and the number of such steps.
    pub(crate) since: Arc<dyn DeviceScalars>,
}

/// Which pass of a step a norm is taken in; above 0.
pub(crate) type PassCode = f64;
