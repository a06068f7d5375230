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
        dims::Dims,
        once::compiled_once,
        order::{Order, elements_of, in_an_order, tensor},
        simd::Real,
    },
};
use kernels::Pooling;

compiled_once! {
    /// PoolKernels of images of these sizes.
    trait PoolKernels: Real {
        fn forward(pooling: &Pooling, dims: Dims, x: &[Self]) -> Vec<Self> = forward;
        fn backward(
            pooling: &Pooling,
            dims: Dims,
            x: &[Self],
            d_y: &[Self],
            d_x: &mut [Self],
        ) = backward;
        fn averages(dims: Dims, x: &[Self]) -> Vec<Self> = averages;
        fn averages_back(dims: Dims, d_y: &[Self], d_x: &mut [Self]) = averages_back;
    }
}

impl<E: PoolKernels> TryPool2D<E> for Cpu
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
        let dims = Dims {
            batch,
            channels,
            positions: height * width,
            order,
        };
        let planes = batch * channels;
        let pooling = Pooling::new(pool, window, planes, [height, width]).ok_or(MISFIT)?;
        let y = E::forward(&pooling, dims, &elements_of(&x, order));
        let [high, wide] = pooling.places;
        let y = tensor(x.device(), y, (batch, channels, high, wide), order)?;
        if T::OWNS_TAPE {
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                E::backward(&pooling, dims, &elements_of(&x, order), &d_y, d_x);
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
        let dims = Dims {
            batch,
            channels,
            positions: height * width,
            order,
        };
        fits(dims.positions > 0)?;
        let y = E::averages(dims, &elements_of(&x, order));
        let y = x.device().try_tensor_from_vec(y, (batch, channels))?;
        if T::OWNS_TAPE {
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                E::averages_back(dims, &d_y, d_x);
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}

fn forward<E: Real>(pooling: &Pooling, dims: Dims, x: &[E]) -> Vec<E> {
    match dims.order {
        Order::Planes => pooling.forward(x),
        Order::Pixels => pooling.forward_pixels(dims.channels, x),
    }
}

fn backward<E: Real>(pooling: &Pooling, dims: Dims, x: &[E], d_y: &[E], d_x: &mut [E]) {
    match dims.order {
        Order::Planes => pooling.backward(x, d_y, d_x),
        Order::Pixels => pooling.backward_pixels(dims.channels, x, d_y, d_x),
    }
}

fn averages<E: Real>(dims: Dims, x: &[E]) -> Vec<E> {
    match dims.order {
        Order::Planes => kernels::global_average(x, dims.positions),
        Order::Pixels => pixels::global_average(x, dims.channels, dims.positions),
    }
}

fn averages_back<E: Real>(dims: Dims, d_y: &[E], d_x: &mut [E]) {
    match dims.order {
        Order::Planes => kernels::global_average_backward(d_y, dims.positions, d_x),
        Order::Pixels => {
            pixels::global_average_backward(d_y, dims.channels, dims.positions, d_x);
        }
    }
}
