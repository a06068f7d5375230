//! Pooling, and the shortcut without parameters.

use std::mem::take;

use dfdx::{prelude::*, tensor::CpuError};

use super::fit::{MISFIT, fits, image, in_order};
use crate::device::{
    Image, LayerTape, Pool, Rows, Window,
    cpu::{
        pool::{self, Pooling},
        simd::Real,
        subsample::Subsample,
        view::view,
    },
};

pub(super) fn pool2d<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    pool: Pool,
    window: Window,
) -> Result<Image<E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x)?.split_tape();
    let (batch, channels, height, width) = *x.shape();
    let planes = batch * channels;
    let pooling = Pooling::new(pool, window, planes, [height, width]).ok_or(MISFIT)?;
    let y = pooling.forward(&view(&x));
    let y = image(x.device(), y, batch, channels, pooling.places)?;
    if T::OWNS_TAPE {
        let y = y.ghost();
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            pooling.backward(&view(&x), &d_y, E::host(gradients.get_or_alloc_mut(&x)?));
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

pub(super) fn global_avg_pool<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
) -> Result<Rows<E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x)?.split_tape();
    let (batch, channels, height, width) = *x.shape();
    let pixels = height * width;
    fits(pixels > 0)?;
    let y = pool::global_average(&view(&x), pixels);
    let y = x.device().try_tensor_from_vec(y, (batch, channels))?;
    if T::OWNS_TAPE {
        let (x, y) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
            pool::global_average_backward(&d_y, pixels, d_x);
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

pub(super) fn subsample<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    stride: usize,
    outputs: usize,
    before: usize,
) -> Result<Image<E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x)?.split_tape();
    let (batch, channels, height, width) = *x.shape();
    let subsample =
        Subsample::new([channels, outputs], before, [height, width], stride).ok_or(MISFIT)?;
    let y = subsample.forward(&view(&x), batch);
    let y = image(x.device(), y, batch, outputs, subsample.places())?;
    if T::OWNS_TAPE {
        let (x, y) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            subsample.backward(&d_y, E::host(gradients.get_or_alloc_mut(&x)?));
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}
