//! Tensors whose shapes are not in their types, and the walks that meet them.
//!
//! dfdx compiles a walk for each visitor, module and shape. So there are two visitors for all that a step
//! does: a user's crate, where they are compiled, pays for two.

use std::{any::Any, borrow::Cow};

use dfdx::{
    nn::tensor_collection::*,
    optim::UnusedTensors,
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use crate::device::{Buffer, address, in_memory};

/// A tensor of any shape.
pub(in crate::step) trait AnyTensor<E: Dtype, D: Device<E>> {
    fn id(&self) -> UniqueId;
    fn device(&self) -> &D;
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
        let mut ids = UnusedTensors::default();
        ids.add(self);
        ids.ids[0]
    }

    fn device(&self) -> &D {
        Tensor::device(self)
    }

    fn shared(&self) -> Box<dyn Any> {
        Box::new(self.clone())
    }

    fn handle(&self) -> Box<dyn AnyTensor<E, D>> {
        Box::new(self.clone())
    }

    fn with_own_id(&self) -> Result<Box<dyn Any>, D::Err> {
        let mut zeros = Gradients::leaky();
        zeros.get_or_alloc_mut(self)?;
        Ok(Box::new(zeros.get(self)))
    }

    fn len(&self) -> usize {
        self.shape().num_elements()
    }

    fn in_memory(&self, len: usize) -> Cow<'_, [E]> {
        in_memory(self, len)
    }

    fn address(&self) -> u64 {
        address(self)
    }

    fn gradient<'a>(
        &self,
        gradients: &'a mut Gradients<E, D>,
    ) -> Result<&'a mut Buffer<E, D>, D::Err> {
        gradients.get_or_alloc_mut(self)
    }
}

/// The same tensor of two models.
pub(in crate::step) trait Pair<E: Dtype, D: Device<E>> {
    fn target(&self) -> &dyn AnyTensor<E, D>;
    fn source(&self) -> &dyn AnyTensor<E, D>;
    /// `target` becomes `source`, and shares its memory.
    fn share(&mut self);
    /// `target = keep * target + weight * source`.
    fn blend(&mut self, keep: f64, weight: f64) -> Result<(), D::Err>;
    /// `target` becomes `kept`, and the other way round, if that is a tensor of its type.
    fn put(&mut self, kept: &mut dyn Any);
    /// `target` becomes a tensor of memory that nothing else refers to.
    fn renew(&mut self) -> Result<(), D::Err>;
    /// Fills `target`; memory that it shares becomes its own.
    fn zero(&mut self) -> Result<(), D::Err>;
    /// Fills `target`; memory that it shares becomes its own.
    fn fill(&mut self, values: &[E]);
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
        self.0.try_axpy(keep, self.1, weight)
    }

    fn put(&mut self, kept: &mut dyn Any) {
        if let Some(kept) = kept.downcast_mut() {
            std::mem::swap(self.0, kept);
        }
    }

    fn renew(&mut self) -> Result<(), D::Err> {
        *self.0 = self.0.device().try_zeros_like(self.0.shape())?;
        Ok(())
    }

    fn zero(&mut self) -> Result<(), D::Err> {
        self.0.try_fill_with_zeros()
    }

    fn fill(&mut self, values: &[E]) {
        self.0.copy_from(values);
    }
}

/// What is done with each parameter of a model.
pub(in crate::step) type Each<'a, E, D> =
    &'a mut dyn FnMut(&dyn AnyTensor<E, D>) -> Result<(), <D as HasErr>::Err>;

/// Calls `f` with each parameter of `model`.
pub(in crate::step) fn each_parameter<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    f: Each<'_, E, D>,
) -> Result<(), D::Err> {
    struct Visitor<'a, E: Dtype, D: Device<E>>(Each<'a, E, D>);
    impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Visitor<'_, E, D> {
        type Viewer = ViewTensorRef;
        type Err = D::Err;
        type E2 = E;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            options: TensorOptions<S, E, D>,
            t: &Tensor<S, E, D>,
        ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
            if options.do_gradient_update {
                (self.0)(t)?;
            }
            Ok(None)
        }
    }
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut Visitor(f),
    })?;
    Ok(())
}

/// Which tensors of a model.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::step) enum Which {
    Parameters,
    Buffers,
}

/// What is done with each tensor of two models.
pub(in crate::step) type EachPair<'a, E, D> =
    &'a mut dyn FnMut(&mut dyn Pair<E, D>) -> Result<(), <D as HasErr>::Err>;

/// Calls `f` with the parameters, or the buffers, of two models.
pub(in crate::step) fn each_pair<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    into: &mut M,
    from: &M,
    which: Which,
    f: EachPair<'_, E, D>,
) -> Result<(), D::Err> {
    struct Visitor<'a, E: Dtype, D: Device<E>>(Which, EachPair<'a, E, D>);
    impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Visitor<'_, E, D> {
        type Viewer = (ViewTensorMut, ViewTensorRef);
        type Err = D::Err;
        type E2 = E;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            options: TensorOptions<S, E, D>,
            mut pair: (&mut Tensor<S, E, D>, &Tensor<S, E, D>),
        ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
            if options.do_gradient_update == (self.0 == Which::Parameters) {
                (self.1)(&mut pair)?;
            }
            Ok(None)
        }
    }
    M::iter_tensors(&mut RecursiveWalker {
        m: (into, from),
        f: &mut Visitor(which, f),
    })?;
    Ok(())
}
