//! Parameters that are not perturbed.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};

use super::tensors::each_parameter;

/// Whether a parameter of this name is not perturbed; dfdx's names, such as `0.weight`.
pub(super) type IsFrozen = fn(&str) -> bool;

/// Zeroes the gradients of the parameters that are frozen: then the ascent leaves those where they are, and
/// their gradients are no part of the norm.
pub(super) fn zero_frozen<M, E, D>(
    model: &M,
    gradients: &mut Gradients<E, D>,
    is_frozen: &dyn Fn(&str) -> bool,
) -> Result<(), D::Err>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let mut names = parameter_names(model)?.into_iter();
    each_parameter(
        model,
        &mut |parameter| match names.next().is_some_and(|name| is_frozen(&name)) {
            true => parameter
                .device()
                .try_fill_with_zeros(parameter.gradient(gradients)?),
            false => Ok(()),
        },
    )
}

/// dfdx's names of the parameters.
pub(super) fn parameter_names<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
) -> Result<Vec<String>, D::Err> {
    struct Names<E, D>(Vec<String>, std::marker::PhantomData<(E, D)>);
    impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Names<E, D> {
        type Viewer = (ViewTensorRef, ViewTensorName);
        type Err = D::Err;
        type E2 = E;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            options: TensorOptions<S, E, D>,
            (_, name): (&Tensor<S, E, D>, String),
        ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
            if options.do_gradient_update {
                self.0.push(name);
            }
            Ok(None)
        }
    }
    let mut names = Names(Vec::new(), std::marker::PhantomData);
    M::iter_tensors(&mut RecursiveWalker {
        m: (model, String::new()),
        f: &mut names,
    })?;
    Ok(names.0)
}
