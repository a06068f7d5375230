//! A bias on a GPU: a normalization by nothing.
#![allow(unsafe_code)]

use dfdx::{prelude::*, tensor::CudaError};

use super::TryBias;
use crate::{
    device::{
        Channels, LayerTape,
        batch_norm::cuda::{Back, NORMALIZE, NULL},
        cuda::{
            arguments::{Sizes, in_order, parameter},
            gpu::Gpu,
            launch::each,
            module::{Element, launch},
        },
    },
    doors::gpu_memory::{address, of_gradient},
};

impl<E: Element> TryBias<E> for Cuda
where
    Cuda: Device<E>,
{
    fn try_bias<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        bias: &Channels<E, Self>,
        relu: bool,
    ) -> Result<Tensor<S, E, Self, T>, CudaError> {
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
}
