//! Batch normalization on a GPU.
#![allow(unsafe_code)]

use std::mem::take;

use cudarc::driver::DevicePtr;
use dfdx::{prelude::*, tensor::CudaError};

use super::{Affine, Moments, Normalized, Tail, TryBatchNorm};
use crate::{
    device::{
        Channels, LayerTape,
        cuda::{
            arguments::{Sizes, fits, in_order, parameter, scratch},
            gpu::Gpu,
            launch::{each, sums},
            module::{Element, blocks, kernels, launch},
        },
    },
    doors::gpu_memory::{address, of_gradient},
};

kernels! { "batch_norm":
    MOMENTS = "sam_moments",
    FINISH_MOMENTS = "sam_finish_moments",
    NORMALIZE = "sam_normalize",
    NORM_SUMS = "sam_norm_sums",
    FINISH_NORM_SUMS = "sam_finish_norm_sums",
    NORM_BACK = "sam_norm_back",
}

/// The address of what is not there.
pub(in crate::device) const NULL: u64 = 0;

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
        let (x, tape) = in_order(x)?.split_tape();
        let moments = moments_of(&x, sizes)?;
        let line = Line {
            mean: moments.mean.clone(),
            variance: moments.variance.clone(),
            of_the_batch: true,
        };
        Ok((normalized(x, tape, sizes, affine, line, tail)?, moments))
    }

    fn try_normalize<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        mean: &Channels<E, Self>,
        variance: &Channels<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<Tensor<S, E, Self, T>, CudaError> {
        let sizes = Sizes::of(&x, &[&affine.scale, &affine.bias, mean, variance])?;
        let (x, tape) = in_order(x)?.split_tape();
        let line = Line {
            mean: mean.clone().try_contiguous()?,
            variance: variance.clone().try_contiguous()?,
            of_the_batch: false,
        };
        normalized(x, tape, sizes, affine, line, tail)
    }
}

/// What a normalization is by.
struct Line<E: Element>
where
    Cuda: Device<E>,
{
    mean: Channels<E, Cuda>,
    variance: Channels<E, Cuda>,
    /// Or else given, and then the gradient takes no notice of them.
    of_the_batch: bool,
}

fn moments_of<S: Shape, E: Element>(
    x: &Tensor<S, E, Cuda>,
    sizes: Sizes,
) -> Result<Moments<E, Cuda>, CudaError>
where
    Cuda: Device<E>,
{
    let Sizes {
        batch,
        channels,
        positions,
    } = sizes;
    let gpu = Gpu::of(x.device())?;
    let zeros = || x.device().try_zeros_like(&(channels as usize,));
    let (mean, variance): (Channels<E, Cuda>, Channels<E, Cuda>) = (zeros()?, zeros()?);
    let count = batch as usize * positions as usize;
    let config = sums(sizes);
    let of_each = config.grid_dim.0;
    let partial = scratch::<f64>(&gpu, 2 * (of_each * channels) as usize)?;
    let partial = *partial.device_ptr();
    let parameters = (address(x), batch, channels, positions, partial);
    launch!(gpu, MOMENTS, E, config, parameters)?;
    let parameters = (
        partial,
        of_each,
        address(x),
        u64::from(positions),
        count as f64,
        address(&mean),
        address(&variance),
    );
    launch!(gpu, FINISH_MOMENTS, E, blocks(channels, 1), parameters)?;
    Ok(Moments {
        mean,
        variance,
        count,
    })
}

fn normalized<S: Shape, E: Element, T: LayerTape<E, Cuda>>(
    x: Tensor<S, E, Cuda>,
    mut tape: T,
    sizes: Sizes,
    affine: &Affine<E, Cuda>,
    line: Line<E>,
    tail: Tail<Tensor<S, E, Cuda, T>>,
) -> Result<Tensor<S, E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    let (scale, bias) = (
        parameter(&affine.scale, &mut tape)?,
        parameter(&affine.bias, &mut tape)?,
    );
    let Tail { residual, relu } = tail;
    let residual = match residual {
        Some(residual) => {
            fits(residual.shape() == x.shape())?;
            let (residual, its_tape) = in_order(residual)?.split_tape();
            tape = take(&mut tape).merge(its_tape);
            Some(residual)
        }
        None => None,
    };
    let y = x.device().try_zeros_like(&x)?;
    let Sizes {
        batch,
        channels,
        positions,
    } = sizes;
    let parameters = (
        address(&x),
        address(&line.mean),
        address(&line.variance),
        address(&scale),
        address(&bias),
        affine.epsilon,
        residual.as_ref().map_or(NULL, address),
        address(&y),
        relu,
        batch,
        channels,
        positions,
    );
    launch!(Gpu::of(x.device())?, NORMALIZE, E, each(sizes), parameters)?;
    if T::OWNS_TAPE {
        let (kept, y) = (relu.then(|| y.clone()), y.ghost());
        let residual = residual.map(|residual| residual.ghost());
        let epsilon = affine.epsilon;
        tape.add_backward_op(move |gradients| {
            let back = Back {
                sizes,
                epsilon,
                d_y: of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                y: kept.as_ref().map_or(NULL, address),
                x: address(&x),
                mean: address(&line.mean),
                variance: address(&line.variance),
                scale: address(&scale),
                of_the_batch: line.of_the_batch,
                d_residual: match &residual {
                    Some(residual) => of_gradient::<E>(gradients.get_or_alloc_mut(residual)?),
                    None => NULL,
                },
                d_scale: of_gradient::<E>(gradients.get_or_alloc_mut(&scale)?),
                d_bias: of_gradient::<E>(gradients.get_or_alloc_mut(&bias)?),
                d_x: of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
            };
            back.run::<E>(&*Gpu::of(x.device())?)
        });
    }
    Ok(y.put_tape(tape))
}

/// Addresses for the way back; [`NULL`] for what is not there.
pub(in crate::device) struct Back {
    pub(in crate::device) sizes: Sizes,
    pub(in crate::device) epsilon: f64,
    pub(in crate::device) d_y: u64,
    /// What was put out, where ReLU cut it off.
    pub(in crate::device) y: u64,
    pub(in crate::device) x: u64,
    pub(in crate::device) mean: u64,
    pub(in crate::device) variance: u64,
    pub(in crate::device) scale: u64,
    pub(in crate::device) of_the_batch: bool,
    pub(in crate::device) d_residual: u64,
    pub(in crate::device) d_scale: u64,
    pub(in crate::device) d_bias: u64,
    pub(in crate::device) d_x: u64,
}

impl Back {
    pub(in crate::device) fn run<E: Element>(&self, gpu: &Gpu) -> Result<(), CudaError> {
        let Sizes {
            batch,
            channels,
            positions,
        } = self.sizes;
        let config = sums(self.sizes);
        let of_each = config.grid_dim.0;
        let partial = scratch::<f64>(gpu, 2 * (of_each * channels) as usize)?;
        let partial = *partial.device_ptr();
        let whole = scratch::<f64>(gpu, 2 * channels as usize)?;
        let whole = *whole.device_ptr();
        let parameters = (
            self.d_y,
            self.y,
            self.x,
            self.mean,
            self.variance,
            self.epsilon,
            self.d_residual,
            batch,
            channels,
            positions,
            partial,
        );
        launch!(gpu, NORM_SUMS, E, config, parameters)?;
        let parameters = (partial, of_each, self.d_bias, self.d_scale, whole);
        launch!(gpu, FINISH_NORM_SUMS, E, blocks(channels, 1), parameters)?;
        let parameters = (
            self.d_y,
            self.y,
            self.x,
            self.mean,
            self.variance,
            self.scale,
            self.epsilon,
            if self.of_the_batch { whole } else { NULL },
            self.d_x,
            batch,
            channels,
            positions,
        );
        launch!(gpu, NORM_BACK, E, each(self.sizes), parameters)
    }
}
