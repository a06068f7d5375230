//! Walks over the tensors of a model. Parameters are what the optimizer updates; buffers
//! (BatchNorm's running statistics) are the rest.

use std::any::Any;

use dfdx::{
    nn::tensor_collection::*,
    optim::UnusedTensors,
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use crate::device::{Buffer, Buffers, DualNorm, Kernels, Notes, Queue, Span, address, displaced};

/// Calls `walk` through dfdx's visitor over a `&M`.
fn read<E: Dtype, D: Device<E>, M, F>(model: &M, mut visitor: F) -> Result<F, D::Err>
where
    M: TensorCollection<E, D>,
    F: TensorVisitor<E, D, Viewer = ViewTensorRef, Err = D::Err, E2 = E, D2 = D>,
{
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut visitor,
    })?;
    Ok(visitor)
}

/// The ids of the parameters, which tell one model from another.
pub(super) fn parameter_ids<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
) -> Result<Vec<UniqueId>, D::Err> {
    struct Ids(UnusedTensors);
    impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Ids {
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
                self.0.add(t);
            }
            Ok(None)
        }
    }
    Ok(read(model, Ids(UnusedTensors::default()))?.0.ids)
}

/// The device of the first parameter and, `with_values`, what the parameter holds.
pub(super) fn first_parameter<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    with_values: bool,
) -> Result<Option<(D, Vec<f64>)>, D::Err> {
    struct First<D> {
        with_values: bool,
        found: Option<(D, Vec<f64>)>,
    }
    impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for First<D> {
        type Viewer = ViewTensorRef;
        type Err = D::Err;
        type E2 = E;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            options: TensorOptions<S, E, D>,
            t: &Tensor<S, E, D>,
        ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
            if options.do_gradient_update && self.found.is_none() {
                let values = if self.with_values {
                    t.as_vec()
                } else {
                    Vec::new()
                };
                let values = values.iter().filter_map(E::to_f64).collect();
                self.found = Some((t.device().clone(), values));
            }
            Ok(None)
        }
    }
    Ok(read(
        model,
        First {
            with_values,
            found: None,
        },
    )?
    .found)
}

/// The gradient buffers of a model's parameters.
pub(super) struct GradientBuffers<'a, E: Dtype, D: Device<E>, M> {
    pub(super) model: &'a M,
    pub(super) gradients: &'a mut Gradients<E, D>,
}

impl<E: Dtype, D: Device<E>, M: TensorCollection<E, D>> Buffers<Buffer<E, D>, D::Err>
    for GradientBuffers<'_, E, D, M>
{
    fn for_each(
        &mut self,
        f: &mut dyn FnMut(&mut Buffer<E, D>) -> Result<(), D::Err>,
    ) -> Result<(), D::Err> {
        struct Each<'a, E: Dtype, D: Device<E>, F> {
            gradients: &'a mut Gradients<E, D>,
            f: F,
        }
        impl<E: Dtype, D: Device<E>, F> TensorVisitor<E, D> for Each<'_, E, D, F>
        where
            F: FnMut(&mut Buffer<E, D>) -> Result<(), D::Err>,
        {
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
                    (self.f)(self.gradients.get_or_alloc_mut(t)?)?;
                }
                Ok(None)
            }
        }
        read(
            self.model,
            Each {
                gradients: self.gradients,
                f,
            },
        )
        .map(drop)
    }
}

/// Calls `f(a, b)` with the buffers of two sets of gradients, parameter by parameter.
pub(super) fn zip_gradients<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    a: &mut Gradients<E, D>,
    b: &mut Gradients<E, D>,
    f: impl FnMut(&mut Buffer<E, D>, &Buffer<E, D>) -> Result<(), D::Err>,
) -> Result<(), D::Err> {
    struct Zip<'a, E: Dtype, D: Device<E>, F> {
        a: &'a mut Gradients<E, D>,
        b: &'a mut Gradients<E, D>,
        f: F,
    }
    impl<E: Dtype, D: Device<E>, F> TensorVisitor<E, D> for Zip<'_, E, D, F>
    where
        F: FnMut(&mut Buffer<E, D>, &Buffer<E, D>) -> Result<(), D::Err>,
    {
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
                (self.f)(self.a.get_or_alloc_mut(t)?, self.b.get_or_alloc_mut(t)?)?;
            }
            Ok(None)
        }
    }
    read(model, Zip { a, b, f }).map(drop)
}

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
        spans.push(Span {
            a: queue.address(from),
            b: 0,
            to: queue.address(to),
            len: Storage::<E>::len(&device, to),
        });
        Ok(())
    })?;
    run(&device, &spans)
}

/// Tensors that own the memory for the perturbed weights, kept from step to step.
#[derive(Default)]
pub(super) struct PerturbedWeights<E> {
    tensors: Vec<Box<dyn Any>>,
    host: Vec<E>,
}

impl<E: Dtype> PerturbedWeights<E> {
    /// Moves the parameters of `copy`, a clone of the model, to `w + e`. The perturbation takes the place of
    /// the gradients, or on a device with a queue leaves them as they are. Afterwards `copy` owns the kept
    /// memory; [`Self::reclaim`] takes it back.
    pub(super) fn displace<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &mut M,
        gradients: &mut Gradients<E, D>,
        dual: &DualNorm,
        rho: f64,
        kernels: &dyn Kernels<E, D>,
    ) -> Result<(), D::Err> {
        let queue = kernels.queue();
        if queue.is_none() {
            let mut buffers = GradientBuffers {
                model: &*copy,
                gradients,
            };
            kernels.ascend(&mut buffers, dual, rho)?;
        }
        let kept = std::mem::take(&mut self.tensors);
        let mut visitor = Displace {
            kept: kept.into_iter(),
            host: &mut self.host,
            gradients,
            kernels,
            weights: Vec::new(),
            spans: Vec::new(),
        };
        M::iter_tensors(&mut RecursiveWalker {
            m: &mut *copy,
            f: &mut visitor,
        })?;
        let Displace { weights, spans, .. } = visitor;
        if let (Some(queue), Some((device, _))) = (queue, first_parameter(copy, false)?) {
            queue.displace(&device, &spans, dual, rho)?;
        }
        // They had to live until the work on them was queued.
        drop(weights);
        Ok(())
    }

    /// Takes the memory of the perturbed weights back out of `copy`.
    pub(super) fn reclaim<D: Device<E>, M: TensorCollection<E, D>>(
        &mut self,
        copy: &M,
    ) -> Result<(), D::Err> {
        self.tensors = read(copy, Reclaim(Vec::new()))?.0;
        Ok(())
    }
}

struct Displace<'a, E: Dtype, D: Device<E>> {
    kept: std::vec::IntoIter<Box<dyn Any>>,
    host: &'a mut Vec<E>,
    gradients: &'a mut Gradients<E, D>,
    kernels: &'a dyn Kernels<E, D>,
    /// With a queue: the weights, and what to do with them.
    weights: Vec<Box<dyn Any>>,
    spans: Vec<Span>,
}

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Displace<'_, E, D> {
    type Viewer = ViewTensorMut;
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        w: &mut Tensor<S, E, D>,
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        if !options.do_gradient_update {
            return Ok(None);
        }
        let kept = self
            .kept
            .next()
            .and_then(|t| t.downcast::<Tensor<S, E, D>>().ok());
        let g = self.gradients.get_or_alloc_mut(w)?;
        if let Some(queue) = self.kernels.queue() {
            let weights = w.clone();
            if let Some(kept) = kept {
                *w = *kept;
            }
            // Shared memory becomes a copy that is written alone.
            w.try_fill_with_zeros()?;
            self.spans.push(Span {
                a: address(&weights),
                b: queue.address(g),
                to: address(w),
                len: Storage::<E>::len(w.device(), g),
            });
            self.weights.push(Box::new(weights));
        } else if let Some(e) = self.kernels.host(g) {
            displaced(w, e, self.host);
            if let Some(kept) = kept {
                *w = *kept;
            }
            w.copy_from(&self.host[..e.len()]);
        }
        Ok(None)
    }
}

struct Reclaim(Vec<Box<dyn Any>>);

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Reclaim {
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
            self.0.push(Box::new(t.clone()));
        }
        Ok(None)
    }
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
                self.0.push(Span {
                    a: address(&before),
                    b: address(from),
                    to: address(into),
                    len: into.shape().num_elements(),
                });
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

/// `into`'s buffers become `keep * into + weight * from`; exactly `from`'s where `keep` is 0.
pub(super) fn blend_buffers<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    into: &mut M,
    from: &M,
    keep: f64,
    weight: f64,
) -> Result<(), D::Err> {
    struct Blend(f64, f64);
    impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Blend {
        type Viewer = (ViewTensorMut, ViewTensorRef);
        type Err = D::Err;
        type E2 = E;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            options: TensorOptions<S, E, D>,
            (into, from): (&mut Tensor<S, E, D>, &Tensor<S, E, D>),
        ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
            if options.do_gradient_update {
            } else if self.0 == 0.0 {
                *into = from.clone();
            } else {
                into.try_axpy(self.0, from, self.1)?;
            }
            Ok(None)
        }
    }
    M::iter_tensors(&mut RecursiveWalker {
        m: (into, from),
        f: &mut Blend(keep, weight),
    })?;
    Ok(())
}
