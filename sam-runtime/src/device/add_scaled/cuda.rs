//! The sum with a branch that is multiplied on a GPU.
#![allow(unsafe_code)]

use dfdx::{prelude::*, tensor::CudaError};

use super::{Factors, TryAddScaled};
use crate::{
    device::{
        Image, LayerTape,
        cuda::{
            arguments::{Sizes, fits, in_order},
            gpu::Gpu,
            launch::each,
            module::{Element, kernels, launch},
        },
    },
    doors::gpu_memory::{address, of_gradient},
};

kernels! { "add_scaled":
    ADD_SCALED = "sam_add_scaled",
    ADD_SCALED_BACK = "sam_add_scaled_back",
}

impl<E: Element> TryAddScaled<E> for Cuda
where
    Cuda: Device<E>,
{
    fn try_add_scaled<T: LayerTape<E, Self>>(
        to: Image<E, Self, T>,
        x: Image<E, Self, T>,
        factors: &Factors<E, Self>,
    ) -> Result<Image<E, Self, T>, CudaError> {
        let batch = x.shape().0;
        fits(to.shape() == x.shape())?;
        fits(factors.forward.shape().0 == batch && factors.backward.shape().0 == batch)?;
        let sizes = Sizes::of(&x, &[])?;
        let (to, tape) = in_order(to)?.split_tape();
        let (x, its_tape) = in_order(x)?.split_tape();
        let mut tape = tape.merge(its_tape);
        let (forward, backward) = (
            in_order(factors.forward.clone())?,
            in_order(factors.backward.clone())?,
        );
        let y = x.device().try_zeros_like(&x)?;
        let parameters = (
            address(&to),
            address(&x),
            address(&forward),
            address(&y),
            sizes.batch,
            sizes.channels,
            sizes.positions,
        );
        launch!(Gpu::of(x.device())?, ADD_SCALED, E, each(sizes), parameters)?;
        if T::OWNS_TAPE {
            let device = x.device().clone();
            let (to, x, y) = (to.ghost(), x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let parameters = (
                    of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                    address(&backward),
                    of_gradient::<E>(gradients.get_or_alloc_mut(&to)?),
                    of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
                    sizes.batch,
                    sizes.channels,
                    sizes.positions,
                );
                let gpu = Gpu::of(&device)?;
                launch!(gpu, ADD_SCALED_BACK, E, each(sizes), parameters)
            });
        }
        Ok(y.put_tape(tape))
    }
}
