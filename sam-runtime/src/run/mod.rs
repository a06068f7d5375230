//! What surrounds a training loop: what it tells about itself while it runs and afterwards.

pub mod metrics;
#[cfg(feature = "plot")]
pub mod plot;
pub mod progress;
