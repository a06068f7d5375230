//! The cross entropy on a GPU.
#![allow(unsafe_code)]

use cudarc::driver::{CudaSlice, DevicePtr};
use dfdx::{prelude::*, tensor::CudaError};

use super::TryCrossEntropy;
use crate::{
    device::{
        LayerTape, Rows,
        cuda::{
            arguments::{Sizes, fits, in_order, scratch},
            gpu::Gpu,
            launch::all,
            module::{Element, THREADS, blocks, kernels, launch},
        },
    },
    doors::gpu_memory::{address, of_gradient},
};

kernels! { "cross_entropy":
    CROSS_ENTROPY = "sam_cross_entropy",
    MEAN_LOSS = "sam_mean_loss",
    CROSS_ENTROPY_BACK = "sam_cross_entropy_back",
}

impl<E: Element> TryCrossEntropy<E> for Cuda
where
    Cuda: Device<E>,
{
    fn try_cross_entropy<T: LayerTape<E, Self>>(
        logits: Rows<E, Self, T>,
        targets: &Rows<E, Self>,
    ) -> Result<Tensor<(), E, Self, T>, CudaError> {
        let (batch, classes) = *logits.shape();
        fits(logits.shape() == targets.shape())?;
        let len = Sizes::new(batch, 1, classes)?.len();
        let (rows, classes) = (batch as u32, classes as u32);
        let (x, mut tape) = in_order(logits)?.split_tape();
        let targets = in_order(targets.clone())?;
        let gpu = Gpu::of(x.device())?;
        let loss: Tensor<(), E, Cuda> = x.device().try_zeros_like(&())?;
        // Some classes for each thread.
        let lanes = classes.div_ceil(8).next_power_of_two().min(32);
        let count = rows.div_ceil(THREADS / lanes);
        let of_row: CudaSlice<f64> = scratch(&gpu, 2 * batch)?;
        let sums: CudaSlice<f64> = scratch(&gpu, count as usize)?;
        let parameters = (
            address(&x),
            address(&targets),
            rows,
            classes,
            lanes,
            *of_row.device_ptr(),
            *sums.device_ptr(),
            address(&loss),
        );
        launch!(gpu, CROSS_ENTROPY, E, blocks(count, 1), parameters)?;
        if count > 1 {
            let parameters = (*sums.device_ptr(), count, rows, address(&loss));
            launch!(gpu, MEAN_LOSS, E, blocks(1, 1), parameters)?;
        }
        if T::OWNS_TAPE {
            let d_loss = loss.ghost();
            tape.add_backward_op(move |gradients| {
                let parameters = (
                    of_gradient::<E>(gradients.get_or_alloc_mut(&d_loss)?),
                    address(&x),
                    address(&targets),
                    *of_row.device_ptr(),
                    rows,
                    classes,
                    of_gradient::<E>(gradients.get_or_alloc_mut(&x)?),
                );
                let gpu = Gpu::of(x.device())?;
                launch!(gpu, CROSS_ENTROPY_BACK, E, all(len), parameters)
            });
        }
        Ok(loss.put_tape(tape))
    }
}
