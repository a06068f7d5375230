//! Whole models at once: what a device with a queue does in a few launches, and others buffer by buffer.

use std::any::Any;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::tensors::{first_parameter, zip_gradients};
use crate::device::{Kernels, Notes, Queue, Span, address};

/// `to = from`, for the gradients of a model.
pub(super) fn copy_gradients<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    to: &mut Gradients<E, D>,
    from: &mut Gradients<E, D>,
    kernels: &dyn Kernels<E, D>,
) -> Result<(), D::Err> {
    let Some(queue) = kernels.queue() else {
        return zip_gradients(model, to, from, |to, from| kernels.copy(to, from));
    };
    queued(model, to, from, queue, |device, spans| {
        queue.copy(device, spans)
    })
}

/// `to += weight * from`, for the gradients of a model.
pub(super) fn add_gradients<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    to: &mut Gradients<E, D>,
    from: &mut Gradients<E, D>,
    weight: f64,
    kernels: &dyn Kernels<E, D>,
) -> Result<(), D::Err> {
    let Some(queue) = kernels.queue() else {
        return zip_gradients(model, to, from, |to, from| {
            kernels.add_scaled(to, from, weight)
        });
    };
    queued(model, to, from, queue, |device, spans| {
        queue.add_scaled(device, spans, weight)
    })
}

/// `to = from` where the verdict is that a gradient was not finite.
pub(super) fn restore_gradients<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    to: &mut Gradients<E, D>,
    from: &mut Gradients<E, D>,
    notes: &Notes,
    queue: &dyn Queue<E, D>,
) -> Result<(), D::Err> {
    queued(model, to, from, queue, |device, spans| {
        queue.restore(device, spans, notes)
    })
}

/// Queues `run` over all parameters at once, with `from` read and `to` written.
fn queued<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    to: &mut Gradients<E, D>,
    from: &mut Gradients<E, D>,
    queue: &dyn Queue<E, D>,
    run: impl FnOnce(&D, &[Span]) -> Result<(), D::Err>,
) -> Result<(), D::Err> {
    let Some((device, _)) = first_parameter(model, false)? else {
        return Ok(());
    };
    let mut spans = Vec::new();
    zip_gradients(model, to, from, |to, from| {
        spans.push(Span::held(
            queue.address(from),
            0,
            queue.address(to),
            Storage::<E>::len(&device, to),
        ));
        Ok(())
    })?;
    run(&device, &spans)
}

/// `into`'s buffers become `from`'s, but stay as they are where the verdict is that a gradient was not
/// finite.
pub(super) fn take_buffers<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    into: &mut M,
    from: &M,
    notes: &Notes,
    queue: &dyn Queue<E, D>,
) -> Result<(), D::Err> {
    struct Take(Vec<Span>, Vec<Box<dyn Any>>);
    impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Take {
        type Viewer = (ViewTensorMut, ViewTensorRef);
        type Err = D::Err;
        type E2 = E;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            options: TensorOptions<S, E, D>,
            (into, from): (&mut Tensor<S, E, D>, &Tensor<S, E, D>),
        ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
            if !options.do_gradient_update {
                let to = into.device().try_zeros_like(into.shape())?;
                let before = std::mem::replace(into, to);
                self.0.push(Span::held(
                    address(&before),
                    address(from),
                    address(into),
                    into.shape().num_elements(),
                ));
                // Both must live until the work on them is queued.
                self.1.push(Box::new((before, from.clone())));
            }
            Ok(None)
        }
    }
    let Some((device, _)) = first_parameter(from, false)? else {
        return Ok(());
    };
    let mut take = Take(Vec::new(), Vec::new());
    M::iter_tensors(&mut RecursiveWalker {
        m: (into, from),
        f: &mut take,
    })?;
    queue.choose(&device, &take.0, notes)
}
