//! Pooling, and the shortcut without parameters.

use dfdx::{prelude::*, tensor::CudaError};

use super::{
    fit::{MISFIT, Sizes, fits, in_order},
    launch::{MEAN, MEAN_BACK, POOL, POOL_BACK, SUBSAMPLE, SUBSAMPLE_BACK, Sliding, all, each},
};
use crate::device::{
    Image, LayerTape, Pool, Rows, Window,
    cuda::{
        gpu::Gpu,
        memory::{address, of_gradient},
        module::{Element, blocks, launch},
    },
};

pub(super) fn pool2d<E: Element, T: LayerTape<E, Cuda>>(
    x: Image<E, Cuda, T>,
    pool: Pool,
    window: Window,
) -> Result<Image<E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    let (batch, channels, height, width) = *x.shape();
    let sliding = Sliding::new(window, channels, [height, width])?;
    let max = pool == Pool::Max;
    fits(!max || sees_pixels_everywhere(window, [height, width]))?;
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

/// Whether the window sees at least one pixel at each of its places.
fn sees_pixels_everywhere(window: Window, sides: [usize; 2]) -> bool {
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

pub(super) fn global_avg_pool<E: Element, T: LayerTape<E, Cuda>>(
    x: Image<E, Cuda, T>,
) -> Result<Rows<E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
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

pub(super) fn subsample<E: Element, T: LayerTape<E, Cuda>>(
    x: Image<E, Cuda, T>,
    stride: usize,
    outputs: usize,
    before: usize,
) -> Result<Image<E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
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
