//! What a SAM step asks of a device that works off a queue, as a GPU does: reading a number from it waits
//! until all work before is done, so a step reads none. Its numbers stay on the device, and are handed
//! from kernel to kernel.

use std::sync::Arc;

use dfdx::{
    shapes::{Dtype, Shape},
    tensor::{Storage, Tensor},
};

use super::DualNorm;

/// A few numbers in the memory of a device.
pub trait Numbers {
    /// Where they are.
    fn address(&self) -> u64;

    /// What they are now; this waits for the device. NaN where the device fails.
    fn read(&self) -> Vec<f64>;
}

/// Stretches of a device's memory of one length, by their addresses; 0 for one that is not there. What an
/// operation does with them is said there.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
pub struct Span {
    /// Read.
    pub(in crate::device) a: u64,
    /// Read.
    pub(in crate::device) b: u64,
    /// Written.
    pub(in crate::device) to: u64,
    /// Elements.
    pub(in crate::device) len: usize,
}

impl Span {
    /// `a` and `b` are read, `to` is written, `len` elements of each.
    ///
    /// # Safety
    /// At each address that is not 0 there are `len` elements of the type of the operation, until that is
    /// queued, and nothing else refers to those at `to`.
    #[allow(unsafe_code)]
    pub unsafe fn new(a: u64, b: u64, to: u64, len: usize) -> Self {
        Self { a, b, to, len }
    }

    /// The same, in this crate: who calls it holds what is at the addresses until the operation is queued.
    pub(crate) fn held(a: u64, b: u64, to: u64, len: usize) -> Self {
        Self { a, b, to, len }
    }
}

/// What a step has noted about gradients that are not finite, without anybody waiting.
#[derive(Clone)]
#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
pub struct Notes {
    /// Of this step: which pass had one, 0 for none.
    pub(crate) verdict: Arc<dyn Numbers>,
    /// Since somebody looked: the pass, the norm, the number of steps.
    pub(crate) seen: Arc<dyn Numbers>,
}

/// Which pass of a step a norm is taken in, for its [`Notes`]; above 0.
pub type PassNumber = f64;

/// The further operations of a device with a queue. Spans are those of a whole model: a few launches do
/// them all.
pub trait Queue<E: Dtype, D: Storage<E>> {
    /// `len` zeros.
    fn zeros(&self, device: &D, len: usize) -> Result<Arc<dyn Numbers>, D::Err>;

    /// The address of a gradient's memory.
    fn address(&self, buffer: &D::Vec) -> u64;

    /// `to = a + e`: weights `a`, and what [`Kernels::ascend`](super::Kernels::ascend) makes of their
    /// gradients `b`.
    fn displace(&self, device: &D, spans: &[Span], dual: &DualNorm, rho: f64)
    -> Result<(), D::Err>;

    /// `to = a`.
    fn copy(&self, device: &D, spans: &[Span]) -> Result<(), D::Err>;

    /// `to += weight * a`.
    fn add_scaled(&self, device: &D, spans: &[Span], weight: f64) -> Result<(), D::Err>;

    /// `to = a`, if the verdict is that a gradient was not finite.
    fn restore(&self, device: &D, spans: &[Span], notes: &Notes) -> Result<(), D::Err>;

    /// `to = a` if the verdict is that a gradient was not finite, and else `to = b`.
    fn choose(&self, device: &D, spans: &[Span], notes: &Notes) -> Result<(), D::Err>;
}

/// The address of the memory of `t`, on a device whose memory has addresses of its own.
pub(crate) fn address<S: Shape, E: Dtype, D: Storage<E>>(t: &Tensor<S, E, D>) -> u64 {
    #[cfg(feature = "cuda")]
    if let Some(t) = (t as &dyn std::any::Any).downcast_ref::<Tensor<S, E, dfdx::tensor::Cuda>>() {
        return super::cuda::address(t);
    }
    let _ = t;
    unreachable!("only a GPU has a queue")
}
