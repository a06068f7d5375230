//! Convolution by cuDNN (feature `cudnn`), which chooses among its algorithms by its own heuristics.

use std::sync::Arc;

use cudarc::{
    cudnn::{
        Conv2dBackwardData, Conv2dBackwardFilter, Conv2dDescriptor, Conv2dForward, Cudnn,
        FilterDescriptor, TensorDescriptor,
        sys::{cudnnConvolutionMode_t, cudnnMathType_t, cudnnTensorFormat_t},
    },
    driver::CudaSlice,
};
use dfdx::tensor::CudaError;

use super::{Back, Convolution};
use crate::device::cuda::{gpu::Gpu, module::Element, product::At, tf32::is_tf32_allowed};

/// What cuDNN knows of a convolution: all tensors are dense.
struct Described<E> {
    conv: Conv2dDescriptor<E>,
    x: TensorDescriptor<E>,
    weight: FilterDescriptor<E>,
    y: TensorDescriptor<E>,
}

impl<E: Element> Described<E> {
    fn new(cudnn: &Arc<Cudnn>, of: &Convolution) -> Result<Self, CudaError> {
        let s = of.sliding;
        // `Convolution::new` has seen to it that all of these are small enough.
        let int = |n: u32| n as i32;
        let (batch, outputs, groups) = (of.batch as i32, of.outputs as i32, of.groups as i32);
        let mut conv = cudnn.create_conv2d::<E>(
            [int(s.padding); 2],
            [int(s.stride); 2],
            [int(s.dilation); 2],
            cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
        )?;
        conv.set_group_count(groups)?;
        // The default mode of cuDNN is TF32, where a card has it.
        conv.set_math_type(match is_tf32_allowed() {
            true => cudnnMathType_t::CUDNN_DEFAULT_MATH,
            false => cudnnMathType_t::CUDNN_FMA_MATH,
        })?;
        let tensor = |channels, height, width| {
            let format = cudnnTensorFormat_t::CUDNN_TENSOR_NCHW;
            cudnn.create_4d_tensor::<E>(format, [batch, channels, height, width])
        };
        let weight = [outputs, int(s.channels) / groups, int(s.size), int(s.size)];
        Ok(Self {
            conv,
            x: tensor(int(s.channels), int(s.height), int(s.width))?,
            weight: cudnn.create_4d_filter(cudnnTensorFormat_t::CUDNN_TENSOR_NCHW, weight)?,
            y: tensor(outputs, int(s.down), int(s.across))?,
        })
    }
}

/// Memory that an algorithm asks for.
fn room(gpu: &Gpu, bytes: usize) -> Result<CudaSlice<u8>, CudaError> {
    // SAFETY: only cuDNN reads it, and it writes it first.
    Ok(unsafe { gpu.driver.alloc(bytes) }?)
}

/// `y = x * weight`.
pub(super) fn forward<E: Element>(
    of: &Convolution,
    gpu: &Gpu,
    x: u64,
    weight: u64,
    y: u64,
) -> Result<(), CudaError> {
    let known = Described::<E>::new(gpu.cudnn()?, of)?;
    let forward = Conv2dForward {
        conv: &known.conv,
        x: &known.x,
        w: &known.weight,
        y: &known.y,
    };
    let algorithm = forward.pick_algorithm()?;
    let mut room = room(gpu, forward.get_workspace_size(algorithm)?)?;
    let scales = (E::ONE, E::default());
    // SAFETY: the callers hold tensors of the sizes that are described.
    unsafe {
        forward.launch(
            algorithm,
            Some(&mut room),
            scales,
            &At(x),
            &At(weight),
            &mut At(y),
        )
    }?;
    Ok(())
}

/// Adds to the gradients of the weight and, where it is wanted, of `x`.
pub(super) fn backward<E: Element>(
    of: &Convolution,
    gpu: &Gpu,
    back: &Back,
) -> Result<(), CudaError> {
    let known = Described::<E>::new(gpu.cudnn()?, of)?;
    let add = (E::ONE, E::ONE);
    let of_weight = Conv2dBackwardFilter {
        conv: &known.conv,
        x: &known.x,
        dw: &known.weight,
        dy: &known.y,
    };
    let algorithm = of_weight.pick_algorithm()?;
    let mut space = room(gpu, of_weight.get_workspace_size(algorithm)?)?;
    let (x, d_y) = (At(back.x), At(back.d_y));
    // SAFETY: as in `forward`.
    unsafe {
        let d_weight = &mut At(back.d_weight);
        of_weight.launch(algorithm, Some(&mut space), add, &x, d_weight, &d_y)
    }?;
    let Some(d_x) = back.d_x else {
        return Ok(());
    };
    let of_x = Conv2dBackwardData {
        conv: &known.conv,
        dx: &known.x,
        w: &known.weight,
        dy: &known.y,
    };
    let algorithm = of_x.pick_algorithm()?;
    let mut space = room(gpu, of_x.get_workspace_size(algorithm)?)?;
    // SAFETY: as in `forward`.
    unsafe {
        let weight = &At(back.weight);
        of_x.launch(algorithm, Some(&mut space), add, &mut At(d_x), weight, &d_y)
    }?;
    Ok(())
}
