//! Pooling on a GPU.
#![allow(unsafe_code)]

use dfdx::{prelude::*, tensor::CudaError};

use super::{Pool, TryPool2D};
use crate::{
    device::{
        Image, LayerTape, Rows, Window,
        cuda::{
            arguments::{MISFIT, Sizes, fits, in_order},
            gpu::Gpu,
            launch::{all, each},
            module::{Element, blocks, kernels, launch},
            window::Sliding,
        },
    },
    doors::gpu_memory::{address, of_gradient},
};

kernels! { "pool":
    POOL = "sam_pool",
    POOL_BACK = "sam_pool_back",
    MEAN = "sam_mean",
    MEAN_BACK = "sam_mean_back",
}

impl<E: Element> TryPool2D<E> for Cuda
where
    Cuda: Device<E>,
{
    fn try_pool2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        pool: Pool,
        window: Window,
    ) -> Result<Image<E, Self, T>, CudaError> {
        let (batch, channels, height, width) = *x.shape();
        let sliding = Sliding::new(window, channels, [height, width])?;
        let max = pool == Pool::Max;
        fits(!max || covers_pixels_everywhere(window, [height, width]))?;
        let images = Sizes::new(batch, channels, sliding.pixels())?;
        let places = Sizes::new(batch, channels, sliding.places())?;
        let (x, mut tape) = in_order(x)?.split_tape();
        let (down, across) = (sliding.down as usize, sliding.across as usize);
        let shape = (batch, channels, down, across);
        let y: Image<E, Cuda> = x.device().try_zeros_like(&shape)?;
        let parameters = (address(&x), address(&y), sliding, max, places.batch);
        launch!(Gpu::of(x.device())?, POOL, E, each(places), parameters)?;
        if T::OWNS_TAPE {
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let parameters = (
                    of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                    address(&x),
                    of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
                    sliding,
                    max,
                    images.batch,
                );
                launch!(Gpu::of(x.device())?, POOL_BACK, E, each(images), parameters)
            });
        }
        Ok(y.put_tape(tape))
    }

    fn try_global_avg_pool<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
    ) -> Result<Rows<E, Self, T>, CudaError> {
        let (batch, channels, height, width) = *x.shape();
        let pixels = height.checked_mul(width).ok_or(MISFIT)?;
        let sizes = Sizes::new(batch, channels, pixels)?;
        let (x, mut tape) = in_order(x)?.split_tape();
        let y: Rows<E, Cuda> = x.device().try_zeros_like(&(batch, channels))?;
        let config = blocks(sizes.batch * sizes.channels, 1);
        let parameters = (address(&x), address(&y), sizes.positions);
        launch!(Gpu::of(x.device())?, MEAN, E, config, parameters)?;
        if T::OWNS_TAPE {
            let device = x.device().clone();
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let parameters = (
                    of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                    of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
                    sizes.len() as u64,
                    sizes.positions,
                );
                launch!(
                    Gpu::of(&device)?,
                    MEAN_BACK,
                    E,
                    all(sizes.len()),
                    parameters
                )
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// Whether the window covers at least one pixel at each of its places.
fn covers_pixels_everywhere(window: Window, sides: [usize; 2]) -> bool {
    sides.into_iter().all(|side| {
        let places = window.places(side).unwrap_or(0);
        (0..places).all(|place| {
            let start = place * window.stride;
            (0..window.size).any(|tap| {
                let at = start + tap * window.dilation;
                at >= window.padding && at - window.padding < side
            })
        })
    })
}
