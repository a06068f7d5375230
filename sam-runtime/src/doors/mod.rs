//! The ways into dfdx that its interface leaves open, and one walk over the tensors of a model.
//!
//! Each says what it relies on in dfdx 0.13.0, which is the last release, and what happens if that is not so; its
//! tests fail with a sentence where another dfdx behaves otherwise.
//!
//! | file | what |
//! |---|---|
//! | `walk` | the tensors of a model, of any shape, one after the other |
//! | `free` | sizes that pass for static ones |
//! | `id` | which tensor a tensor is |
//! | `host_memory` | the elements of a tensor on the host, without a copy |
//! | `gpu_memory` | the address of a tensor, the context of a device (feature `cuda`) |
//! | `overwrite` | new values for a tensor, whichever way it lies in memory |
//! | `buffer` | the memory of a gradient, from and to the host |
//! | `tape` | whether a tensor is the input of a network |
//! | `wanted` | whether there is a gradient for a tensor |
//! | `plain_sgd` | an update that reads gradients where they are |
//! | `generator` | the generator of a device, taken out and put back |

pub(crate) mod buffer;
pub(crate) mod free;
pub(crate) mod generator;
#[cfg(feature = "cuda")]
pub(crate) mod gpu_memory;
pub(crate) mod host_memory;
pub(crate) mod id;
pub(crate) mod overwrite;
pub(crate) mod plain_sgd;
pub(crate) mod tape;
pub(crate) mod walk;
pub(crate) mod wanted;
