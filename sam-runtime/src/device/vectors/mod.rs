//! The algebra of parameter-sized vectors: all weights of a model, all gradients, the state of a method. Each is
//! one vector, however many tensors hold it.
//!
//! | file | what |
//! |---|---|
//! | `lp_norm` | [`Norm`]: the norm of a neighbourhood, and its dual |
//! | `dual_norm` | [`DualNorm`]: the norm of a gradient, as eq. 2 of the paper needs it |
//! | `scalars` | [`Scalar`], [`Coefficient`]: numbers that may stay on the device |
//! | `zeroed` | the gradients of a model, zeroed |
//! | `nonfinite` | gradients that are not finite, noted where nobody waits |
//! | `cpu`, `cuda` | the operations on each device; `vectors.cu`: the kernels |
//! | `checks` | what every device must hold to |
//!
//! dfdx keeps the memory of a tensor to itself, but hands out that of a gradient
//! (`Gradients::get_or_alloc_mut`): an operation therefore writes to gradients, in place. It is handed a walk
//! over the tensors of its vectors. A device does all tensors in few launches.
//!
//! The operations of a device are looked up at run time ([`vectors`]), so that a function that is
//! generic over `D: Device<E>` needs no further bound.

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod dual_norm;
mod lp_norm;
mod nonfinite;
mod scalars;
mod zeroed;

use std::{any::Any, sync::Arc};

use dfdx::{
    prelude::Device,
    shapes::Dtype,
    tensor::{Cpu, Storage},
};

pub(crate) use crate::doors::buffer::Buffer;
pub use dual_norm::DualNorm;
pub use lp_norm::{Norm, NormError};
pub(crate) use nonfinite::{NonFiniteFlags, PassCode};
pub(crate) use scalars::DeviceScalars;
pub use scalars::{Coefficient, Scalar};
pub(crate) use zeroed::zero_gradients;

/// What one tensor holds of each of up to three vectors: `x` is written or read, `y` and `z` are read. All are of
/// one length; one that is not there is empty.
pub(crate) enum Parts<'a, E> {
    /// In the memory of the host.
    Host {
        x: &'a mut [E],
        y: &'a [E],
        z: &'a [E],
    },
    /// In that of a device.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    Device(DeviceRange),
}

/// The same by addresses, 0 for what is not there. Who makes one holds what is at the addresses until the
/// operation is queued.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
pub(crate) struct DeviceRange {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) z: u64,
    /// Elements of each.
    pub(crate) len: usize,
}

/// What an operation does with the parts of its vectors.
pub(crate) type Visit<'a, E, Err> = &'a mut dyn FnMut(Parts<'_, E>) -> Result<(), Err>;

/// Hands out the parts of some vectors, tensor by tensor in the model's order; the first error ends the walk.
/// Several walks meet the same memory.
pub(crate) type Walk<'a, E, Err> = &'a mut dyn FnMut(Visit<'_, E, Err>) -> Result<(), Err>;

/// What is done with each element.
pub(crate) enum Map<'a> {
    /// `x = keep x + add y`. A vector whose coefficient is the number 0 is not read.
    Axpby { keep: Coefficient, add: Coefficient },
    /// `x = x (|y| + eta)`, for the weights `y`.
    ScaleBySize { eta: f64 },
    /// `x = y + e`, with the perturbation `e` of SAM's eq. 2 for the gradient `z`:
    /// `e = rho sign(z) |z|^(q-1) / (||z||_q^q)^(1/p)`; zero where the whole gradient is zero. Without `y`, that
    /// is zero; without `z`, that is `x`.
    Perturb { dual: &'a DualNorm, rho: f64 },
    /// `x = y + z`.
    Sum,
    /// Into `-bound..=bound`; NaN stays NaN.
    Clamp { bound: f64 },
    /// Down to the L2 norm `bound`, if `norm` is larger, and finite.
    Shrink { norm: &'a DualNorm, bound: f64 },
    /// `x = y` if a gradient of the step was not finite, else `x = z`; without `z`, `x` stays then.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    Choose(&'a NonFiniteFlags),
}

/// The operations of a device, for elements of type `E`.
pub(crate) trait Vectors<E: Dtype, D: Storage<E>>: Sync {
    /// The parts of gradients.
    fn parts<'a>(&self, x: &'a mut D::Vec, y: Option<&'a D::Vec>) -> Parts<'a, E>;

    /// `len` zeros in the memory of a device where reading means waiting; `None` where it doesn't.
    #[allow(clippy::type_complexity)]
    fn scalars(&self, device: &D, len: usize) -> Result<Option<Arc<dyn DeviceScalars>>, D::Err>;

    /// The dual norm `||x||_q` over all tensors together. One that is not finite is noted in the flags, if
    /// there are some.
    fn dual_norm(
        &self,
        device: &D,
        walk: Walk<'_, E, D::Err>,
        norm: Norm,
        flags: Option<(&NonFiniteFlags, PassCode)>,
    ) -> Result<DualNorm, D::Err>;

    /// `<x, y>`; without `y`, `<x, x>`.
    fn dot(&self, device: &D, walk: Walk<'_, E, D::Err>) -> Result<Scalar, D::Err>;

    /// Does `map` with each element.
    fn map(&self, device: &D, walk: Walk<'_, E, D::Err>, map: Map<'_>) -> Result<(), D::Err>;
}

/// The operations for tensors of type `E` on `D`, or `None` where this crate has none.
pub(crate) fn vectors<E: Dtype, D: Storage<E>>() -> Option<&'static dyn Vectors<E, D>> {
    known()
        .iter()
        .find_map(|k| k.downcast_ref::<On<E, D>>().copied())
}

/// The distance from 1 to the next number of this type.
pub(crate) fn epsilon<E: Dtype>() -> f64 {
    // `Dtype` says nothing about precision: half as much each time, until it is lost.
    let mut epsilon = E::ONE;
    let half = E::from_f64(0.5).unwrap_or_default();
    while E::ONE + epsilon * half != E::ONE {
        epsilon *= half;
    }
    epsilon.to_f64().unwrap_or(f64::EPSILON)
}

/// The elements of a gradient, where they are in the host's memory.
pub(crate) fn on_host<E: Dtype, D: Storage<E>>(gradient: &mut Buffer<E, D>) -> Option<&mut [E]> {
    match vectors::<E, D>()?.parts(gradient, None) {
        Parts::Host { x, .. } => Some(x),
        Parts::Device(_) => None,
    }
}

/// Zeroes a gradient.
pub(crate) fn zero<E: Dtype, D: Device<E>>(
    device: &D,
    gradient: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    match vectors::<E, D>() {
        Some(on) if matches!(on.parts(gradient, None), Parts::Host { .. }) => {
            let (keep, add) = (Coefficient::ZERO, Coefficient::ZERO);
            let walk: Walk<'_, E, D::Err> = &mut |f| f(on.parts(gradient, None));
            on.map(device, walk, Map::Axpby { keep, add })
        }
        _ => device.try_fill_with_zeros(gradient),
    }
}

type On<E, D> = &'static dyn Vectors<E, D>;
type Known = &'static (dyn Any + Send + Sync);

/// All operations that there are. Neither inlined nor generic, so that they are compiled with this crate, and
/// not again with every crate that trains.
#[inline(never)]
fn known() -> &'static [Known] {
    static KNOWN: &[Known] = &[
        &(&cpu::OnCpu as On<f32, Cpu>),
        &(&cpu::OnCpu as On<f64, Cpu>),
        #[cfg(feature = "f16")]
        &(&cpu::OnCpu as On<dfdx::dtypes::f16, Cpu>),
        #[cfg(feature = "f16")]
        &(&cpu::OnCpu as On<dfdx::dtypes::AMP<dfdx::dtypes::f16>, Cpu>),
        #[cfg(feature = "cuda")]
        &(&cuda::OnCuda as On<f32, dfdx::tensor::Cuda>),
        #[cfg(feature = "cuda")]
        &(&cuda::OnCuda as On<f64, dfdx::tensor::Cuda>),
    ];
    KNOWN
}
