//! Tensors whose shapes are not in their types.

use std::{any::Any, borrow::Cow};

use dfdx::{
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use crate::doors::{
    buffer::Buffer,
    host_memory::{in_memory, lies_otherwise, slice, slice_mut},
    id::{id, with_own_id},
    overwrite::overwrite,
};

/// A tensor of any shape.
pub(crate) trait AnyTensor<E: Dtype, D: Device<E>> {
    fn id(&self) -> UniqueId;
    fn device(&self) -> &D;
    fn shape(&self) -> Vec<usize>;
    /// The tensor itself, which shares its memory.
    fn shared(&self) -> Box<dyn Any>;
    /// The same.
    fn handle(&self) -> Box<dyn AnyTensor<E, D>>;
    /// A tensor like it, as it lies in memory, of zeros and with an id of its own.
    fn with_own_id(&self) -> Result<Box<dyn Any>, D::Err>;
    /// The number of elements.
    fn len(&self) -> usize;
    /// The `len` elements as they lie in memory, which is how those of the gradient lie.
    fn in_memory(&self, len: usize) -> Cow<'_, [E]>;
    /// Whether the elements are known to lie otherwise than in row-major order.
    fn lies_otherwise(&self) -> bool;
    /// On a device whose memory has addresses of its own.
    fn address(&self) -> u64;
    /// The memory of its gradient.
    fn gradient<'a>(
        &self,
        gradients: &'a mut Gradients<E, D>,
    ) -> Result<&'a mut Buffer<E, D>, D::Err>;
}

impl<S: Shape, E: Dtype, D: Device<E>> AnyTensor<E, D> for Tensor<S, E, D> {
    fn id(&self) -> UniqueId {
        id(self)
    }

    fn device(&self) -> &D {
        Tensor::device(self)
    }

    fn shape(&self) -> Vec<usize> {
        HasShape::shape(self).concrete().into()
    }

    fn shared(&self) -> Box<dyn Any> {
        Box::new(self.clone())
    }

    fn handle(&self) -> Box<dyn AnyTensor<E, D>> {
        Box::new(self.clone())
    }

    fn with_own_id(&self) -> Result<Box<dyn Any>, D::Err> {
        Ok(Box::new(with_own_id(self)?))
    }

    fn len(&self) -> usize {
        HasShape::shape(self).num_elements()
    }

    fn in_memory(&self, len: usize) -> Cow<'_, [E]> {
        in_memory(self, len)
    }

    fn lies_otherwise(&self) -> bool {
        lies_otherwise(self)
    }

    fn address(&self) -> u64 {
        #[cfg(feature = "cuda")]
        if let Some(t) = (self as &dyn Any).downcast_ref::<Tensor<S, E, Cuda>>() {
            return crate::doors::gpu_memory::address(t);
        }
        unreachable!("only a GPU hands out addresses")
    }

    fn gradient<'a>(
        &self,
        gradients: &'a mut Gradients<E, D>,
    ) -> Result<&'a mut Buffer<E, D>, D::Err> {
        gradients.get_or_alloc_mut(self)
    }
}

/// A tensor of any shape that is read as a user sees it. Apart from [`AnyTensor`], so that a program which only
/// trains need not compile dfdx's walk over the elements.
pub(crate) trait Readable<E: Dtype, D: Device<E>>: AnyTensor<E, D> {
    /// The elements in row-major order.
    fn values(&self) -> Vec<E>;
}

impl<S: Shape, E: Dtype, D: Device<E>> Readable<E, D> for Tensor<S, E, D> {
    fn values(&self) -> Vec<E> {
        self.as_vec()
    }
}

/// A tensor of any shape that may be written.
pub(crate) trait Writable<E: Dtype, D: Device<E>>: Readable<E, D> {
    /// Gives it these values, in row-major order: see [`overwrite`].
    fn write(&mut self, values: &[E]) -> Result<(), D::Err>;
}

impl<S: Shape, E: Dtype, D: Device<E>> Writable<E, D> for Tensor<S, E, D> {
    fn write(&mut self, values: &[E]) -> Result<(), D::Err> {
        overwrite(self, values)
    }
}

/// The same tensor of two models.
pub(crate) trait Pair<E: Dtype, D: Device<E>> {
    fn target(&self) -> &dyn AnyTensor<E, D>;
    fn source(&self) -> &dyn AnyTensor<E, D>;
    /// `target` becomes `source`, and shares its memory.
    fn share(&mut self);
    /// `target = keep * target + weight * source`, for two that lie in memory alike and weights that sum up to one. One
    /// that is its source, in the same memory, stays to the bit what it is.
    fn blend(&mut self, keep: f64, weight: f64) -> Result<(), D::Err>;
    /// `target` becomes `kept`, and the other way round, if that is a tensor of its type.
    fn put(&mut self, kept: &mut dyn Any);
    /// Fills `target`; memory that it shares becomes its own.
    fn zero(&mut self) -> Result<(), D::Err>;
    /// Fills `target`, as it lies in memory; memory that it shares becomes its own.
    fn fill(&mut self, values: &[E]);
    /// The elements of `target`, to be written, and those of `source`, where both lie in row-major order on the host;
    /// memory that `target` shares becomes its own.
    fn elements(&mut self) -> Option<(&mut [E], &[E])>;
}

/// Whether two tensors lie in the same memory: one is a clone of the other, and neither has been written since.
fn is_same<S: Shape, E: Dtype, D: Device<E>>(a: &Tensor<S, E, D>, b: &Tensor<S, E, D>) -> bool {
    #[cfg(feature = "cuda")]
    if (a as &dyn Any).is::<Tensor<S, E, Cuda>>() {
        return a.address() == b.address();
    }
    match (in_memory(a, 1), in_memory(b, 1)) {
        (Cow::Borrowed(a), Cow::Borrowed(b)) => std::ptr::eq(a.as_ptr(), b.as_ptr()),
        _ => false,
    }
}

impl<S: Shape, E: Dtype, D: Device<E>> Pair<E, D> for (&mut Tensor<S, E, D>, &Tensor<S, E, D>) {
    fn target(&self) -> &dyn AnyTensor<E, D> {
        self.0
    }

    fn source(&self) -> &dyn AnyTensor<E, D> {
        self.1
    }

    fn share(&mut self) {
        *self.0 = self.1.clone();
    }

    fn blend(&mut self, keep: f64, weight: f64) -> Result<(), D::Err> {
        if is_same(self.0, self.1) {
            return Ok(());
        }
        self.0.try_axpy(keep, self.1, weight)
    }

    fn put(&mut self, kept: &mut dyn Any) {
        if let Some(kept) = kept.downcast_mut() {
            std::mem::swap(self.0, kept);
        }
    }

    fn zero(&mut self) -> Result<(), D::Err> {
        self.0.try_fill_with_zeros()
    }

    fn fill(&mut self, values: &[E]) {
        self.0.copy_from(values);
    }

    fn elements(&mut self) -> Option<(&mut [E], &[E])> {
        let source = slice(self.1)?;
        Some((slice_mut(self.0)?, source))
    }
}
