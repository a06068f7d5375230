//! The shortcut without parameters on a GPU.
#![allow(unsafe_code)]

use dfdx::{prelude::*, tensor::CudaError};

use super::TrySubsample;
use crate::{
    device::{
        Image, LayerTape, Window,
        cuda::{
            arguments::{Sizes, fits, in_order},
            gpu::Gpu,
            launch::each,
            module::{Element, kernels, launch},
            window::Sliding,
        },
    },
    doors::gpu_memory::{address, of_gradient},
};

kernels! { "subsample":
    SUBSAMPLE = "sam_subsample",
    SUBSAMPLE_BACK = "sam_subsample_back",
}

impl<E: Element> TrySubsample<E> for Cuda
where
    Cuda: Device<E>,
{
    fn try_subsample<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        stride: usize,
        outputs: usize,
        before: usize,
    ) -> Result<Image<E, Self, T>, CudaError> {
        let (batch, channels, height, width) = *x.shape();
        let room = channels.checked_add(before);
        fits(room.is_some_and(|kept| kept <= outputs))?;
        let pixel = Window {
            stride,
            ..Window::new(1)
        };
        let sliding = Sliding::new(pixel, channels, [height, width])?;
        let from = Sizes::new(batch, channels, sliding.places())?;
        let to = Sizes::new(batch, outputs, sliding.places())?;
        let (x, mut tape) = in_order(x)?.split_tape();
        let (down, across) = (sliding.down as usize, sliding.across as usize);
        let shape = (batch, outputs, down, across);
        let y: Image<E, Cuda> = x.device().try_zeros_like(&shape)?;
        let before = before as u32;
        let parameters = (
            address(&x),
            address(&y),
            sliding,
            to.channels,
            before,
            to.batch,
        );
        launch!(Gpu::of(x.device())?, SUBSAMPLE, E, each(to), parameters)?;
        if T::OWNS_TAPE {
            let device = x.device().clone();
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let parameters = (
                    of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                    of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
                    sliding,
                    to.channels,
                    before,
                    from.batch,
                );
                launch!(Gpu::of(&device)?, SUBSAMPLE_BACK, E, each(from), parameters)
            });
        }
        Ok(y.put_tape(tape))
    }
}
