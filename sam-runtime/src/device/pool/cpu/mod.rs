//! Pooling on host memory, wired to dfdx's tape.

mod kernels;

use std::mem::take;

use dfdx::{prelude::*, tensor::CpuError};

use super::{Pool, TryPool2D};
use crate::{
    device::{
        Image, LayerTape, Rows, Window,
        cpu::{
            arguments::{MISFIT, fits, image, in_order},
            simd::Real,
        },
    },
    doors::host_memory::view,
};
use kernels::Pooling;

impl<E: Real> TryPool2D<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_pool2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        pool: Pool,
        window: Window,
    ) -> Result<Image<E, Self, T>, CpuError> {
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

    fn try_global_avg_pool<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
    ) -> Result<Rows<E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let (batch, channels, height, width) = *x.shape();
        let pixels = height * width;
        fits(pixels > 0)?;
        let y = kernels::global_average(&view(&x), pixels);
        let y = x.device().try_tensor_from_vec(y, (batch, channels))?;
        if T::OWNS_TAPE {
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                kernels::global_average_backward(&d_y, pixels, d_x);
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}
