//! A bias on a GPU: a normalization by nothing.

use dfdx::{prelude::*, tensor::CudaError};

use super::TryBias;
use crate::{
    device::{
        Channels, LayerTape,
        batch_norm::cuda::kernels::{NULL, NormBack, NormForward, Planes},
        cuda::{
            arguments::{Sizes, in_order, parameter},
            gpu::Gpu,
            module::Element,
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
        let planes = Planes::dense(sizes);
        let forward = NormForward {
            x: address(&x),
            y: address(&y),
            bias: address(&bias),
            planes,
            relu: relu.into(),
            ..NormForward::default()
        };
        forward.run::<E>(&*Gpu::of(x.device())?)?;
        if T::OWNS_TAPE {
            let (kept, y) = (relu.then(|| y.clone()), y.ghost());
            let device = x.device().clone();
            let x = x.ghost();
            tape.add_backward_op(move |gradients| {
                let back = NormBack {
                    d_y: of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                    y: kept.as_ref().map_or(NULL, address),
                    d_bias: of_gradient::<E>(gradients.get_or_alloc_mut(&bias)?),
                    d_x: of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
                    planes,
                    add: 1,
                    ..NormBack::default()
                };
                back.run::<E>(&*Gpu::of(&device)?)
            });
        }
        Ok(y.put_tape(tape))
    }
}
