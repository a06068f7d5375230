//! What the operations on host memory share.
//!
//! | file | what |
//! |---|---|
//! | `arguments`, `dims` | whether sizes fit together, and tensors as the kernels take them |
//! | `order` | images that lie by planes, and by pixels |
//! | `relu` | ReLU behind an operation |
//! | `product`, `tile` | a product of matrices, with vectors in registers |
//! | `simd`, `buffer` | vectors of the processor; memory to write into |
//! | `once` | kernels that are compiled once |
//! | `tasks`, `attendants` | work for several threads, and threads that wait for it |
//! | `tests` | operations one after the other, on any number of threads |
//!
//! `unsafe` is only in files that say so at their top, each block with its reason.

pub(super) mod arguments;
mod attendants;
pub(super) mod buffer;
pub(super) mod dims;
pub(super) mod once;
pub(super) mod order;
pub(super) mod product;
pub(super) mod relu;
pub(super) mod simd;
pub(super) mod tasks;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use order::by_planes;
pub(crate) use simd::vectorized;
pub(super) use tasks::collected;
pub(crate) use tasks::each_part;
