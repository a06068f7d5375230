//! Convolutions whose results lie by pixels: a vector is a pixel's channels, and nothing is turned over.
//!
//! A sample is copied once, with its padding, pixel by pixel. Then what a row of a window covers is one piece of memory,
//! and a result is the product of such pieces and the kernels, whose rows are vectors of output channels. The ways back
//! are of the same kind: to the kernels, sums over all places; to the input, pieces of the output's gradient and
//! kernels whose rows are vectors of input channels, for each place that a pixel can have between two windows.
//!
//! | file | what |
//! |---|---|
//! | `padded` | samples with zeros around them |
//! | `kernel` | the products, in vector registers |
//! | `forward`, `backward` | a convolution and its gradients, sample by sample on several threads |

mod backward;
mod forward;
mod kernel;
mod padded;

pub(super) use backward::backward;
pub(super) use forward::forward;
