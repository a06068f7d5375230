//! Copies within the memory of a card.

use cudarc::driver::result::memcpy_dtod_async;
use dfdx::{
    prelude::Device,
    shapes::{HasShape, Shape},
    tensor::{Cuda, CudaError, Tensor, ZerosTensor},
    tensor_ops::ReshapeTo,
};

use super::{gpu::Gpu, module::Element};
use crate::{
    device::vectors::{DeviceRange, cuda::add_scaled},
    doors::gpu_memory::address,
};

/// See [`split`](crate::device::transfer::split).
pub(in crate::device) fn split<Src: Shape, Dst: Shape, E: Element>(
    t: &Tensor<Src, E, Cuda>,
    rows: &[usize],
    width: usize,
    shapes: &[Dst],
) -> Result<Vec<Tensor<Dst, E, Cuda>>, CudaError>
where
    Cuda: Device<E>,
{
    let t = t.clone().try_contiguous()?;
    let mut from = address(&t);
    let part = |(rows, shape): (&usize, &Dst)| {
        let part = t.device().try_zeros_like(shape)?;
        copy::<E>(t.device(), from, address(&part), rows * width)?;
        from += (rows * width * size_of::<E>()) as u64;
        Ok(part)
    };
    rows.iter().zip(shapes).map(part).collect()
}

/// See [`joined`](crate::device::transfer::joined).
pub(in crate::device) fn joined<Src: Shape, Dst: Shape, E: Element>(
    parts: &[&Tensor<Src, E, Cuda>],
    shape: Dst,
) -> Result<Tensor<Dst, E, Cuda>, CudaError>
where
    Cuda: Device<E>,
{
    let device = parts[0].device();
    let all = device.try_zeros_like(&shape)?;
    let mut to = address(&all);
    for part in parts {
        let part = (*part).clone().try_contiguous()?;
        let len = part.shape().num_elements();
        copy::<E>(device, address(&part), to, len)?;
        to += (len * size_of::<E>()) as u64;
    }
    Ok(all)
}

/// The sum of scalars, each times its weight.
pub(in crate::device) fn mean<E: Element>(
    parts: &[&Tensor<(), E, Cuda>],
    weights: &[f64],
) -> Result<Tensor<(), E, Cuda>, CudaError>
where
    Cuda: Device<E>,
{
    let sum = parts[0].device().try_zeros_like(&())?;
    let driver = &Gpu::of(parts[0].device())?.driver;
    for (part, weight) in parts.iter().zip(weights) {
        let number = DeviceRange {
            x: address(&sum),
            y: address(*part),
            z: 0,
            len: 1,
        };
        add_scaled::<E>(driver, number, *weight)?;
    }
    Ok(sum)
}

/// Queues a copy of `len` elements.
fn copy<E>(device: &Cuda, from: u64, to: u64, len: usize) -> Result<(), CudaError> {
    let driver = &Gpu::of(device)?.driver;
    driver.bind_to_thread()?;
    // SAFETY: the callers hold both ends, of at least this length; what is freed later is freed on the
    // same stream.
    unsafe { memcpy_dtod_async(to, from, len * size_of::<E>(), *driver.cu_stream()) }?;
    Ok(())
}
