//! Pooling on host memory, wired to dfdx's tape.
//!
//! | file | what |
//! |---|---|
//! | `kernels` | windows, and images that lie by planes |
//! | `pixels` | images that lie by pixels |

mod kernels;
mod pixels;

use std::mem::take;

use dfdx::{prelude::*, tensor::CpuError};

use super::{Pool, TryPool2D};
use crate::device::{
    Image, LayerTape, Rows, Window,
    cpu::{
        arguments::{MISFIT, fits},
        order::{Order, elements_of, in_an_order, tensor},
        simd::Real,
    },
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
        let (x, order) = in_an_order(x)?;
        let (x, mut tape) = x.split_tape();
        let (batch, channels, height, width) = *x.shape();
        let planes = batch * channels;
        let pooling = Pooling::new(pool, window, planes, [height, width]).ok_or(MISFIT)?;
        let y = match order {
            Order::Planes => pooling.forward(&elements_of(&x, order)),
            Order::Pixels => pooling.forward_pixels(channels, &elements_of(&x, order)),
        };
        let [high, wide] = pooling.places;
        let y = tensor(x.device(), y, (batch, channels, high, wide), order)?;
        if T::OWNS_TAPE {
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                let x = elements_of(&x, order);
                match order {
                    Order::Planes => pooling.backward(&x, &d_y, d_x),
                    Order::Pixels => pooling.backward_pixels(channels, &x, &d_y, d_x),
                }
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }

    fn try_global_avg_pool<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
    ) -> Result<Rows<E, Self, T>, CpuError> {
        let (x, order) = in_an_order(x)?;
        let (x, mut tape) = x.split_tape();
        let (batch, channels, height, width) = *x.shape();
        let pixels = height * width;
        fits(pixels > 0)?;
        let elements = elements_of(&x, order);
        let y = match order {
            Order::Planes => kernels::global_average(&elements, pixels),
            Order::Pixels => pixels::global_average(&elements, channels, pixels),
        };
        drop(elements);
        let y = x.device().try_tensor_from_vec(y, (batch, channels))?;
        if T::OWNS_TAPE {
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                match order {
                    Order::Planes => kernels::global_average_backward(&d_y, pixels, d_x),
                    Order::Pixels => pixels::global_average_backward(&d_y, channels, pixels, d_x),
                }
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}
