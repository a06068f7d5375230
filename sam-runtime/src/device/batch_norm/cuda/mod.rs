//! Batch normalization on a GPU.
//!
//! | file | what |
//! |---|---|
//! | `kernels` | the kernels, and what they are launched with |
#![allow(unsafe_code)]

pub(in crate::device) mod kernels;

use std::mem::take;

use dfdx::{prelude::*, tensor::CudaError};

use kernels::{Advance, NULL, NormBack, NormForward, OwnMoments, Planes};

use super::{Affine, Moments, Normalized, Running, Tail, TryBatchNorm};
use crate::{
    device::{
        Channels, LayerTape,
        cuda::{
            arguments::{Sizes, fits, in_order, parameter},
            gpu::Gpu,
            module::Element,
        },
    },
    doors::gpu_memory::{address, of_gradient},
};

impl<E: Element> TryBatchNorm<E> for Cuda
where
    Cuda: Device<E>,
{
    fn try_batch_norm<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Normalized<Tensor<S, E, Self, T>, E, Self> {
        let sizes = Sizes::of(&x, &[&affine.scale, &affine.bias])?;
        let moments = moments_for(x.device(), Planes::dense(sizes))?;
        let by = By {
            forward: NormForward {
                mean: address(&moments.mean),
                variance: address(&moments.variance),
                ..NormForward::default()
            },
            of_the_batch: true,
            holds: moments.clone(),
        };
        Ok((normalized(x, sizes, affine, by, tail)?, moments))
    }

    fn try_batch_norm_running<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
        before: &Running<E, Self>,
    ) -> Result<(Tensor<S, E, Self, T>, Running<E, Self>), CudaError> {
        let sizes = Sizes::of(&x, &[&affine.scale, &affine.bias])?;
        let channels = sizes.channels as usize;
        let moments = OwnMoments::<E>::new(&*Gpu::of(x.device())?, channels)?;
        let advance = Advance::new(before, channels)?;
        let mut forward = NormForward {
            mean: moments.mean,
            variance: moments.variance,
            planes: Planes::dense(sizes),
            ..NormForward::default()
        };
        advance.along(&mut forward);
        let by = By {
            forward,
            of_the_batch: true,
            holds: moments,
        };
        Ok((normalized(x, sizes, affine, by, tail)?, advance.after))
    }

    fn try_normalize<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        mean: &Channels<E, Self>,
        variance: &Channels<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<Tensor<S, E, Self, T>, CudaError> {
        let sizes = Sizes::of(&x, &[&affine.scale, &affine.bias, mean, variance])?;
        let mean = mean.clone().try_contiguous()?;
        let variance = variance.clone().try_contiguous()?;
        let by = By {
            forward: NormForward {
                mean: address(&mean),
                variance: address(&variance),
                ..NormForward::default()
            },
            of_the_batch: false,
            holds: (mean, variance),
        };
        normalized(x, sizes, affine, by, tail)
    }
}

/// Tensors for the moments of a batch.
pub(in crate::device) fn moments_for<E: Element>(
    device: &Cuda,
    planes: Planes,
) -> Result<Moments<E, Cuda>, CudaError>
where
    Cuda: Device<E>,
{
    let zeros = || device.try_zeros_like(&(planes.channels(),));
    Ok(Moments {
        mean: zeros()?,
        variance: zeros()?,
        count: planes.count(),
    })
}

/// What a normalization is by.
struct By<K> {
    /// With the addresses of the moments, and what follows from them.
    forward: NormForward,
    /// Or else given, and then the gradient takes no notice of them.
    of_the_batch: bool,
    /// What the moments lie in.
    holds: K,
}

/// What is learned and what follows, as kernels take it.
pub(in crate::device) struct Parts<S: Shape, E: Element> {
    pub(in crate::device) scale: Channels<E, Cuda>,
    pub(in crate::device) bias: Channels<E, Cuda>,
    pub(in crate::device) residual: Option<Tensor<S, E, Cuda>>,
}

impl<S: Shape, E: Element> Parts<S, E>
where
    Cuda: Device<E>,
{
    /// Those of a normalization that puts out this shape; their tapes become part of `tape`.
    pub(in crate::device) fn new<T: LayerTape<E, Cuda>>(
        affine: &Affine<E, Cuda>,
        residual: Option<Tensor<S, E, Cuda, T>>,
        shape: &S,
        tape: &mut T,
    ) -> Result<Self, CudaError> {
        let scale = parameter(&affine.scale, tape)?;
        let bias = parameter(&affine.bias, tape)?;
        let residual = match residual {
            Some(residual) => {
                fits(residual.shape() == shape)?;
                let (residual, its_tape) = in_order(residual)?.split_tape();
                *tape = take(tape).merge(its_tape);
                Some(residual)
            }
            None => None,
        };
        Ok(Self {
            scale,
            bias,
            residual,
        })
    }

    /// `forward` with their addresses.
    pub(in crate::device) fn along(&self, forward: NormForward) -> NormForward {
        NormForward {
            scale: address(&self.scale),
            bias: address(&self.bias),
            residual: self.residual.as_ref().map_or(NULL, address),
            ..forward
        }
    }
}

fn normalized<S: Shape, E: Element, T: LayerTape<E, Cuda>, K: 'static>(
    x: Tensor<S, E, Cuda, T>,
    sizes: Sizes,
    affine: &Affine<E, Cuda>,
    by: By<K>,
    tail: Tail<Tensor<S, E, Cuda, T>>,
) -> Result<Tensor<S, E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    let (x, mut tape) = in_order(x)?.split_tape();
    let (relu, planes) = (tail.relu, Planes::dense(sizes));
    let parts = Parts::new(affine, tail.residual, x.shape(), &mut tape)?;
    let y = x.device().try_zeros_like(&x)?;
    let forward = parts.along(NormForward {
        x: address(&x),
        y: address(&y),
        epsilon: affine.epsilon,
        planes,
        relu: relu.into(),
        ..by.forward
    });
    let gpu = Gpu::of(x.device())?;
    match by.of_the_batch {
        true => forward.by_the_batch::<E>(&gpu)?,
        false => forward.run::<E>(&gpu)?,
    }
    if T::OWNS_TAPE {
        let (kept, y) = (relu.then(|| y.clone()), y.ghost());
        let Parts {
            scale,
            bias,
            residual,
        } = parts;
        let residual = residual.map(|residual| residual.ghost());
        tape.add_backward_op(move |gradients| {
            let back = NormBack {
                d_y: of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                y: kept.as_ref().map_or(NULL, address),
                x: address(&x),
                mean: forward.mean,
                variance: forward.variance,
                scale: address(&scale),
                d_residual: match &residual {
                    Some(residual) => of_gradient::<E>(gradients.get_or_alloc_mut(residual)?),
                    None => NULL,
                },
                d_scale: of_gradient::<E>(gradients.get_or_alloc_mut(&scale)?),
                d_bias: of_gradient::<E>(gradients.get_or_alloc_mut(&bias)?),
                d_x: of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
                epsilon: forward.epsilon,
                planes,
                of_the_batch: by.of_the_batch.into(),
                add: 1,
                ..NormBack::default()
            };
            // The moments must live until here.
            let _holds = &by.holds;
            back.run::<E>(&*Gpu::of(x.device())?)
        });
    }
    Ok(y.put_tape(tape))
}
