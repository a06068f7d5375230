//! Arithmetic, one implementation for each device: what a SAM step does with parameter-sized buffers,
//! behind [`Kernels`], and what layers do with images and vectors, behind [`Layers`].
//!
//! | | |
//! |---|---|
//! | `layers` | [`Layers`]: the operations that [`nn`](crate::nn) is made of; checks for whatever implements it |
//! | `cpu` | both on host memory: own kernels, on several threads |
//! | `cuda` | both on an NVIDIA GPU (feature `cuda`) |
//! | `composed` | for tests: the layers out of dfdx's own operations, on any device |
//! | `norm`, `dual` | the norms of a perturbation, and of a gradient |
//! | `queue` | what a device adds that nobody should wait for |
//! | `generator` | the generator of a device, taken out and put back |
//! | `rewind` | the generators that a step may draw from, back at an earlier moment |
//! | `rng_state` | [`RngState`]: a generator in a form for files |
//! | `lane` | batches on their way to a device |
//! | `transfer` | rows of tensors cut and joined where they are |
//! | `overwrite` | new values for a tensor, whichever way it lies in memory |
//! | `memory` | [`keep_freed_memory`] |
//!
//! dfdx keeps the memory of a tensor to itself, but hands out that of a gradient
//! (`Gradients::get_or_alloc_mut`): a kernel therefore works on gradient buffers, in place.
//! The kernels of a device are looked up at run time ([`kernels`]), so that a function that is
//! generic over `D: Device<E>` needs no further bound.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod composed;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod dual;
mod generator;
mod lane;
mod layers;
mod memory;
mod norm;
mod overwrite;
mod queue;
mod rewind;
mod rng_state;
mod transfer;

use std::any::Any;

use dfdx::{
    shapes::Dtype,
    tensor::{Cpu, Storage},
};

pub(crate) use cpu::{copied, in_memory, lies_otherwise};
pub use dual::DualNorm;
pub(crate) use generator::generator_id;
pub(crate) use lane::{Lane, Sent};
pub use layers::{
    Affine, Channels, Image, LayerTape, Layers, Moments, Normalized, Pool, Rows, Tail, Window,
};
pub use memory::keep_freed_memory;
pub use norm::{Norm, NormError};
pub(crate) use overwrite::overwrite;
pub(crate) use queue::address;
pub use queue::{Notes, Numbers, PassNumber, Queue, Span};
pub(crate) use rewind::{Moment, Source, note_source};
pub use rng_state::{RngState, rng_state, set_rng_state};
pub(crate) use transfer::{joined, mean, split};

/// The memory of a gradient on `D`.
pub type Buffer<E, D> = <D as Storage<E>>::Vec;

/// Every gradient buffer of a model, in the model's order. Several walks see the same buffers.
pub trait Buffers<V, Err> {
    /// Calls `f` with each buffer; the first error ends the walk.
    fn for_each(&mut self, f: &mut dyn FnMut(&mut V) -> Result<(), Err>) -> Result<(), Err>;
}

/// What a SAM step asks of a device, for elements of type `E`.
pub trait Kernels<E: Dtype, D: Storage<E>>: Sync {
    /// The dual norm `||g||_q` over all buffers together, not one by one. A device with a queue notes in
    /// `notes` where it is not finite.
    fn dual_norm(
        &self,
        gradients: &mut dyn Buffers<D::Vec, D::Err>,
        norm: Norm,
        notes: Option<(&Notes, PassNumber)>,
    ) -> Result<DualNorm, D::Err>;

    /// Turns each gradient `g` into the perturbation `e` of SAM's eq. 2, in place:
    /// `e = rho sign(g) |g|^(q-1) / (||g||_q^q)^(1/p)`; zero where the whole gradient is zero.
    fn ascend(
        &self,
        gradients: &mut dyn Buffers<D::Vec, D::Err>,
        dual: &DualNorm,
        rho: f64,
    ) -> Result<(), D::Err>;

    /// `into += weight * from`.
    fn add_scaled(&self, into: &mut D::Vec, from: &D::Vec, weight: f64) -> Result<(), D::Err>;

    /// Scales all buffers together down to the L2 norm `bound`, if theirs is larger, and finite.
    fn shrink(&self, gradients: &mut dyn Buffers<D::Vec, D::Err>, bound: f64)
    -> Result<(), D::Err>;

    /// Moves every element into `-bound..=bound`; NaN stays NaN.
    fn clamp(&self, gradients: &mut dyn Buffers<D::Vec, D::Err>, bound: f64) -> Result<(), D::Err>;

    /// `into = from`.
    fn copy(&self, into: &mut D::Vec, from: &D::Vec) -> Result<(), D::Err>;

    /// The buffer as a slice, where the host can read it.
    fn host<'a>(&self, buffer: &'a D::Vec) -> Option<&'a [E]>;

    /// `to = w + e`, for weights and their perturbation that the host can read.
    fn displaced(&self, w: &[E], e: &[E], to: &mut Vec<E>);

    /// The further operations of a device that works off a queue; `None` where reading a number waits for
    /// nothing.
    fn queue(&self) -> Option<&dyn Queue<E, D>> {
        None
    }
}

/// The kernels for tensors of type `E` on `D`, or `None` where this crate has none.
pub fn kernels<E: Dtype, D: Storage<E>>() -> Option<&'static dyn Kernels<E, D>> {
    known()
        .iter()
        .find_map(|k| k.downcast_ref::<On<E, D>>().copied())
}

type On<E, D> = &'static dyn Kernels<E, D>;
type Known = &'static (dyn Any + Send + Sync);

/// All kernels that there are. Neither inlined nor generic, so that they are compiled with this crate, and
/// not again with every crate that trains.
#[inline(never)]
fn known() -> &'static [Known] {
    static KNOWN: &[Known] = &[
        &(&cpu::CpuKernels as On<f32, Cpu>),
        &(&cpu::CpuKernels as On<f64, Cpu>),
        #[cfg(feature = "f16")]
        &(&cpu::CpuKernels as On<dfdx::dtypes::f16, Cpu>),
        #[cfg(feature = "f16")]
        &(&cpu::CpuKernels as On<dfdx::dtypes::AMP<dfdx::dtypes::f16>, Cpu>),
        #[cfg(feature = "cuda")]
        &(&cuda::CudaKernels as On<f32, dfdx::tensor::Cuda>),
        #[cfg(feature = "cuda")]
        &(&cuda::CudaKernels as On<f64, dfdx::tensor::Cuda>),
    ];
    KNOWN
}
