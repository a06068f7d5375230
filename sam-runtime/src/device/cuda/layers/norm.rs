//! Batch normalization, and the bias that may stand in its place.

use std::mem::take;

use cudarc::driver::DevicePtr;
use dfdx::{prelude::*, tensor::CudaError};

use super::{
    fit::{Sizes, fits, in_order, parameter, scratch},
    launch::{
        FINISH_MOMENTS, FINISH_NORM_SUMS, MOMENTS, NORM_BACK, NORM_SUMS, NORMALIZE, each, sums,
    },
};
use crate::device::{
    Affine, Channels, LayerTape, Moments, Normalized, Tail,
    cuda::{
        gpu::Gpu,
        memory::{address, of_gradient},
        module::{Element, blocks, launch},
    },
};

/// The address of what is not there.
const NULL: u64 = 0;

pub(super) fn batch_norm<S: Shape, E: Element, T: LayerTape<E, Cuda>>(
    x: Tensor<S, E, Cuda, T>,
    affine: &Affine<E, Cuda>,
    tail: Tail<Tensor<S, E, Cuda, T>>,
) -> Normalized<Tensor<S, E, Cuda, T>, E, Cuda>
where
    Cuda: Device<E>,
{
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

pub(super) fn normalize<S: Shape, E: Element, T: LayerTape<E, Cuda>>(
    x: Tensor<S, E, Cuda, T>,
    affine: &Affine<E, Cuda>,
    mean: &Channels<E, Cuda>,
    variance: &Channels<E, Cuda>,
    tail: Tail<Tensor<S, E, Cuda, T>>,
) -> Result<Tensor<S, E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    let sizes = Sizes::of(&x, &[&affine.scale, &affine.bias, mean, variance])?;
    let (x, tape) = in_order(x)?.split_tape();
    let line = Line {
        mean: mean.clone().try_contiguous()?,
        variance: variance.clone().try_contiguous()?,
        of_the_batch: false,
    };
    normalized(x, tape, sizes, affine, line, tail)
}

pub(super) fn bias<S: Shape, E: Element, T: LayerTape<E, Cuda>>(
    x: Tensor<S, E, Cuda, T>,
    bias: &Channels<E, Cuda>,
    relu: bool,
) -> Result<Tensor<S, E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    let sizes = Sizes::of(&x, &[bias])?;
    let (x, mut tape) = in_order(x)?.split_tape();
    let bias = parameter(bias, &mut tape)?;
    let y = x.device().try_zeros_like(&x)?;
    let Sizes {
        batch,
        channels,
        positions,
    } = sizes;
    // A normalization by nothing.
    let parameters = (
        address(&x),
        NULL,
        NULL,
        NULL,
        address(&bias),
        0.0_f64,
        NULL,
        address(&y),
        relu,
        batch,
        channels,
        positions,
    );
    launch!(Gpu::of(x.device())?, NORMALIZE, E, each(sizes), parameters)?;
    if T::OWNS_TAPE {
        let (kept, y) = (relu.then(|| y.clone()), y.ghost());
        let device = x.device().clone();
        let x = x.ghost();
        tape.add_backward_op(move |gradients| {
            let back = Back {
                sizes,
                epsilon: 0.0,
                d_y: of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                y: kept.as_ref().map_or(NULL, address),
                x: NULL,
                mean: NULL,
                variance: NULL,
                scale: NULL,
                of_the_batch: false,
                d_residual: NULL,
                d_scale: NULL,
                d_bias: of_gradient::<E>(gradients.get_or_alloc_mut(&bias)?),
                d_x: of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
            };
            back.run::<E>(&*Gpu::of(&device)?)
        });
    }
    Ok(y.put_tape(tape))
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
struct Back {
    sizes: Sizes,
    epsilon: f64,
    d_y: u64,
    /// What was put out, where ReLU cut it off.
    y: u64,
    x: u64,
    mean: u64,
    variance: u64,
    scale: u64,
    of_the_batch: bool,
    d_residual: u64,
    d_scale: u64,
    d_bias: u64,
    d_x: u64,
}

impl Back {
    fn run<E: Element>(&self, gpu: &Gpu) -> Result<(), CudaError> {
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
