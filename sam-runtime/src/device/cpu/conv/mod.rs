//! Convolution on the CPU.
//!
//! | file | what |
//! |---|---|
//! | `geometry` | the sizes, and where pixels lie so that a convolution is a matrix product |
//! | `kernel` | the products, in vector registers |
//! | `forward`, `backward` | a convolution and its gradients, sample by sample on several threads |

mod geometry;
mod kernel;
mod planes;

mod backward;
mod forward;

pub(super) use backward::{OutputGradient, backward};
pub(super) use forward::forward;
pub(super) use geometry::Conv;
