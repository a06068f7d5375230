//! Whole models at once: what a device with a queue does in a few launches, and others buffer by buffer.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::tensors::{Which, each_pair, try_device_of, zip_gradients};
use crate::device::{Kernels, Notes, Queue, Span};

/// `to = from`, for the gradients of a model.
pub(super) fn copy_gradients<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    to: &mut Gradients<E, D>,
    from: &mut Gradients<E, D>,
    kernels: &dyn Kernels<E, D>,
) -> Result<(), D::Err> {
    let Some(queue) = kernels.queue() else {
        return zip_gradients(model, to, from, &mut |to, from| kernels.copy(to, from));
    };
    queued(model, to, from, queue, &mut |device, spans| {
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
        return zip_gradients(model, to, from, &mut |to, from| {
            kernels.add_scaled(to, from, weight)
        });
    };
    queued(model, to, from, queue, &mut |device, spans| {
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
    queued(model, to, from, queue, &mut |device, spans| {
        queue.restore(device, spans, notes)
    })
}

/// Queues `run` over all parameters at once, with `from` read and `to` written.
#[allow(clippy::type_complexity)]
fn queued<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    to: &mut Gradients<E, D>,
    from: &mut Gradients<E, D>,
    queue: &dyn Queue<E, D>,
    run: &mut dyn FnMut(&D, &[Span]) -> Result<(), D::Err>,
) -> Result<(), D::Err> {
    let Some(device) = try_device_of(model)? else {
        return Ok(());
    };
    let mut spans = Vec::new();
    zip_gradients(model, to, from, &mut |to, from| {
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
    let Some(device) = try_device_of(from)? else {
        return Ok(());
    };
    let (mut spans, mut before) = (Vec::new(), Vec::new());
    each_pair::<E, D, M>(into, from, Which::Buffers, &mut |pair| {
        let (old, new) = (pair.target().address(), pair.source().address());
        // It must live until the work on it is queued, as `from` does.
        before.push(pair.target().shared());
        pair.renew()?;
        let len = pair.source().len();
        spans.push(Span::held(old, new, pair.target().address(), len));
        Ok(())
    })?;
    queue.choose(&device, &spans, notes)
}
