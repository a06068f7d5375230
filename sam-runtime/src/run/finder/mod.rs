//! Short sweeps that suggest a learning rate and a rho. The model and the optimizer are afterwards what they were, bit by bit.
//!
//! | | |
//! |---|---|
//! | [`LrFinder`] | the loss over a learning rate that grows from step to step |
//! | [`RhoFinder`] | the loss on held-out data after a few steps with each of several radii |
//! | [`Sweep`] | what they find: the curve, a suggestion, its reason, a picture |

mod error;
mod lr;
#[cfg(feature = "plot")]
mod picture;
mod restored;
mod rho;
mod sweep;

pub use error::FinderError;
pub use lr::LrFinder;
pub use rho::RhoFinder;
pub use sweep::Sweep;
