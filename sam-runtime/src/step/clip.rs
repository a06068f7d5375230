//! Bounds for a gradient, as a function.

use dfdx::{prelude::*, tensor::Gradients};

use super::{Clip, Failure, On, StepError, vectors::ModelVectors};

/// Bounds the gradient of `model`: for loops without the attribute, and for those that accumulate over
/// several batches, between the last backward pass and the update.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, step::{Clip, clip}};
///
/// let dev = Cpu::default();
/// let model = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<Rank2<8, 4>, f32, _> = dev.ones();
/// let mut grads = model.forward(x.traced(model.alloc_grads())).sum().backward();
/// clip(&model, &mut grads, Clip { norm: Some(1.0), ..Clip::NONE })?;
/// let [w, b] = [grads.get(&model.weight).as_vec(), grads.get(&model.bias).as_vec()];
/// let squares: f32 = w.iter().chain(&b).map(|g| g * g).sum();
/// assert!((squares.sqrt() - 1.0).abs() < 1e-6);
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
///
/// # Errors
/// [`StepError::Clip`] for a bound that is none, [`StepError::Unsupported`] for a device without kernels,
/// [`StepError::Device`].
pub fn clip<M, E, D>(
    model: &M,
    gradients: &mut Gradients<E, D>,
    bounds: Clip,
) -> Result<(), StepError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    bounds.check()?;
    let vectors = ModelVectors::of(model, On::All)?;
    vectors
        .clip(model, gradients, bounds)
        .map_err(Failure::Device)?;
    Ok(())
}
