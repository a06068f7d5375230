//! Walks over the tensors of a model. Parameters are what the optimizer updates; buffers
//! (BatchNorm's running statistics) are the rest.

use dfdx::{
    nn::tensor_collection::*,
    optim::UnusedTensors,
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use crate::device::{Buffer, Buffers};

/// Calls `walk` through dfdx's visitor over a `&M`.
pub(super) fn read<E: Dtype, D: Device<E>, M, F>(model: &M, mut visitor: F) -> Result<F, D::Err>
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

/// The device of the first parameter.
pub(crate) fn device_of<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(model: &M) -> Option<D> {
    let first = first_parameter(model, false).ok()??;
    Some(first.0)
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
