//! Bounds for the final gradient.

use dfdx::{prelude::*, tensor::Gradients};

use super::{StepError, tensors::GradientBuffers};
use crate::device::{Kernels, kernels};

/// Bounds of a gradient, applied right before the update: to SAM's gradient and not to the clean one that
/// only shows where to climb. Clipping that one would change nothing but rho.
///
/// Where both are given, elements are bounded first.
///
/// ```
/// use sam_runtime::step::Clip;
///
/// let bounds = Clip { norm: Some(1.0), ..Clip::NONE };
/// assert_eq!(bounds.value, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clip {
    /// The largest L2 norm over all parameters together: a longer gradient is scaled down to it, as by
    /// PyTorch's `clip_grad_norm_` (Pascanu et al. 2013, algorithm 1).
    pub norm: Option<f64>,
    /// The largest absolute value of an element, as by PyTorch's `clip_grad_value_`.
    pub value: Option<f64>,
}

impl Clip {
    /// No bounds.
    pub const NONE: Self = Self {
        norm: None,
        value: None,
    };

    /// Both bounds, where there are some, are finite and above 0.
    pub(super) fn check(&self) -> Result<(), StepError> {
        match [self.norm, self.value]
            .into_iter()
            .flatten()
            .find(|bound| !(bound.is_finite() && *bound > 0.0))
        {
            Some(bound) => Err(StepError::Clip(bound)),
            None => Ok(()),
        }
    }

    /// Bounds `gradients`. What is NaN or infinite stays it.
    pub(super) fn apply<M, E, D>(
        &self,
        model: &M,
        gradients: &mut Gradients<E, D>,
        kernels: &dyn Kernels<E, D>,
    ) -> Result<(), D::Err>
    where
        M: TensorCollection<E, D>,
        E: Dtype,
        D: Device<E>,
    {
        let mut buffers = GradientBuffers { model, gradients };
        if let Some(bound) = self.value {
            kernels.clamp(&mut buffers, bound)?;
        }
        if let Some(bound) = self.norm {
            kernels.shrink(&mut buffers, bound)?;
        }
        Ok(())
    }
}

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
    let kernels = kernels().ok_or_else(StepError::unsupported::<E, D>)?;
    bounds
        .apply(model, gradients, kernels)
        .map_err(|error| StepError::Device(error.to_string()))
}
