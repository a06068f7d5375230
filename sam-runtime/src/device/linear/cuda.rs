//! Linear layers on a GPU.
#![allow(unsafe_code)]

use cudarc::{
    cublas::{CudaBlas, Gemm},
    driver::DevicePtr,
};
use dfdx::{prelude::*, tensor::CudaError};

use super::TryLinear;
use crate::{
    device::{
        Channels, LayerTape, Rows,
        cuda::{
            arguments::{Sizes, fits, in_order, parameter, scratch},
            gpu::Gpu,
            launch::all,
            module::{Element, blocks, kernels, launch},
            product::{Matrix, Product},
        },
    },
    doors::{
        free::Free2,
        gpu_memory::{address, of_gradient},
        tape::is_input,
        wanted::is_wanted,
    },
};

kernels! { "linear":
    ADD_BIAS = "sam_add_bias",
    CUT = "sam_cut",
    ADD_ROWS = "sam_add_rows",
}

impl<E: Element> TryLinear<E> for Cuda
where
    Cuda: Device<E>,
    CudaBlas: Gemm<E>,
{
    fn try_linear<T: LayerTape<E, Self>>(
        x: Rows<E, Self, T>,
        weight: &Rows<E, Self>,
        bias: Option<&Channels<E, Self>>,
        relu: bool,
    ) -> Result<Rows<E, Self, T>, CudaError> {
        let ((batch, inputs), (outputs, weight_inputs)) = (*x.shape(), *weight.shape());
        fits(inputs == weight_inputs && bias.is_none_or(|bias| bias.shape().0 == outputs))?;
        Sizes::new(batch, 1, inputs)?;
        Sizes::new(batch, 1, outputs)?;
        let (x, mut tape) = in_order(x)?.split_tape();
        let weight = parameter(weight, &mut tape)?;
        let bias = match bias {
            Some(bias) => Some(parameter(bias, &mut tape)?),
            None => None,
        };
        let linear = Linear {
            batch,
            inputs,
            outputs,
        };
        let y: Rows<E, Cuda> = x.device().try_zeros_like(&(batch, outputs))?;
        {
            let gpu = Gpu::of(x.device())?;
            linear.forward::<E>(&gpu, address(&x), address(&weight), address(&y))?;
            if relu || bias.is_some() {
                let len = batch * outputs;
                let bias = bias.as_ref().map_or(0, address);
                let parameters = (address(&y), bias, relu, len as u64, outputs as u32);
                launch!(gpu, ADD_BIAS, E, all(len), parameters)?;
            }
        }
        if T::OWNS_TAPE {
            let input = is_input::<E, Cuda, T>(&tape);
            let (kept, y) = (relu.then(|| y.clone()), y.ghost());
            tape.add_backward_op(move |gradients| {
                let back = Back {
                    x: address(&x),
                    weight: address(&weight),
                    d_y: of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                    y: kept.as_ref().map(address),
                    d_weight: of_gradient::<E>(gradients.get_or_alloc_mut(&weight)?),
                    d_bias: match &bias {
                        Some(bias) => Some(of_gradient::<E>(gradients.get_or_alloc_mut(bias)?)),
                        None => None,
                    },
                    d_x: match input && !is_wanted::<Free2, _, _, _>(&x, gradients) {
                        true => None,
                        false => Some(of_gradient::<E>(gradients.get_or_alloc_mut(&x)?)),
                    },
                };
                linear.backward::<E>(&*Gpu::of(x.device())?, &back)
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// Sizes of a linear layer.
#[derive(Clone, Copy)]
struct Linear {
    batch: usize,
    inputs: usize,
    outputs: usize,
}

/// Addresses for the way back.
struct Back {
    x: u64,
    weight: u64,
    d_y: u64,
    /// What was put out, where ReLU cut it off.
    y: Option<u64>,
    d_weight: u64,
    d_bias: Option<u64>,
    d_x: Option<u64>,
}

/// One matrix, whose rows have so many numbers.
fn matrix(at: u64, row: usize) -> Matrix {
    Matrix {
        at,
        turned: false,
        row,
        next: 0,
    }
}

impl Linear {
    fn forward<E: Element>(&self, gpu: &Gpu, x: u64, weight: u64, y: u64) -> Result<(), CudaError>
    where
        CudaBlas: Gemm<E>,
    {
        Product {
            m: self.batch,
            n: self.outputs,
            k: self.inputs,
            a: matrix(x, self.inputs),
            b: matrix(weight, self.inputs).turned(),
            c: matrix(y, self.outputs),
            add: false,
            count: 1,
        }
        .run::<E>(gpu)
    }

    fn backward<E: Element>(&self, gpu: &Gpu, back: &Back) -> Result<(), CudaError>
    where
        CudaBlas: Gemm<E>,
    {
        let len = self.batch * self.outputs;
        let behind = match back.y {
            Some(y) => {
                let behind = scratch::<E>(gpu, len)?;
                let parameters = (back.d_y, y, *behind.device_ptr(), len as u64);
                launch!(gpu, CUT, E, all(len), parameters)?;
                Some(behind)
            }
            None => None,
        };
        let d_z = behind.as_ref().map_or(back.d_y, |d_z| *d_z.device_ptr());
        if let Some(d_bias) = back.d_bias {
            let config = blocks(self.outputs.div_ceil(32) as u32, 1);
            let parameters = (d_z, self.batch as u32, self.outputs as u32, d_bias);
            launch!(gpu, ADD_ROWS, E, config, parameters)?;
        }
        Product {
            m: self.outputs,
            n: self.inputs,
            k: self.batch,
            a: matrix(d_z, self.outputs).turned(),
            b: matrix(back.x, self.inputs),
            c: matrix(back.d_weight, self.inputs),
            add: true,
            count: 1,
        }
        .run::<E>(gpu)?;
        let Some(d_x) = back.d_x else {
            return Ok(());
        };
        Product {
            m: self.batch,
            n: self.inputs,
            k: self.outputs,
            a: matrix(d_z, self.outputs),
            b: matrix(back.weight, self.inputs),
            c: matrix(d_x, self.inputs),
            add: true,
            count: 1,
        }
        .run::<E>(gpu)
    }
}
