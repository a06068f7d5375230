//! The kernels of batch normalization, and what they are launched with.

use cudarc::driver::{CudaSlice, DevicePtr, DeviceRepr};
use dfdx::{prelude::*, tensor::CudaError};

use crate::{
    device::{
        Channels, Running,
        cuda::{
            arguments::{Sizes, fits, scratch},
            gpu::Gpu,
            launch::sums,
            module::{Element, kernels, launch},
        },
    },
    doors::gpu_memory::address,
};

kernels! { "batch_norm":
    MOMENTS = "sam_moments",
    NORMALIZE = "sam_normalize",
    NORM_SUMS = "sam_norm_sums",
    NORM_BACK = "sam_norm_back",
}

/// The address of what is not there.
pub(in crate::device) const NULL: u64 = 0;

/// `Planes` in norm.cuh: where the numbers of what is normalized are.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::device) struct Planes {
    batch: u32,
    channels: u32,
    positions: u32,
    image: u32,
    channel: u32,
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for Planes {}

impl Planes {
    /// Image by image, as tensors are.
    pub(in crate::device) fn dense(sizes: Sizes) -> Self {
        Self::new(sizes, sizes.channels * sizes.positions, sizes.positions)
    }

    /// Channel by channel.
    pub(in crate::device) fn by_channel(sizes: Sizes) -> Self {
        Self::new(sizes, sizes.positions, sizes.batch * sizes.positions)
    }

    fn new(sizes: Sizes, image: u32, channel: u32) -> Self {
        Self {
            batch: sizes.batch,
            channels: sizes.channels,
            positions: sizes.positions,
            image,
            channel,
        }
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            batch: self.batch,
            channels: self.channels,
            positions: self.positions,
        }
    }

    pub(in crate::device) fn channels(&self) -> usize {
        self.channels as usize
    }

    /// Numbers of a channel.
    pub(in crate::device) fn count(&self) -> usize {
        self.batch as usize * self.positions as usize
    }

    /// Blocks for each channel.
    pub(in crate::device) fn parts(&self) -> u32 {
        sums(self.sizes()).grid_dim.0
    }

    /// Memory for the two sums of each part of each channel.
    fn room(&self, gpu: &Gpu) -> Result<CudaSlice<f64>, CudaError> {
        scratch(gpu, 2 * self.parts() as usize * self.channels as usize)
    }
}

/// `NormForward` in batch_norm.cu; [`NULL`] for what is not there.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::device) struct NormForward {
    pub(in crate::device) x: u64,
    pub(in crate::device) scale: u64,
    pub(in crate::device) bias: u64,
    pub(in crate::device) residual: u64,
    pub(in crate::device) y: u64,
    pub(in crate::device) sums: u64,
    pub(in crate::device) mean: u64,
    pub(in crate::device) variance: u64,
    pub(in crate::device) before: [u64; 2],
    pub(in crate::device) after: [u64; 2],
    pub(in crate::device) keep: f64,
    pub(in crate::device) take: [f64; 2],
    pub(in crate::device) epsilon: f64,
    pub(in crate::device) planes: Planes,
    pub(in crate::device) parts: u32,
    pub(in crate::device) relu: u32,
}

// SAFETY: plain numbers in C's layout, as the kernel declares it.
unsafe impl DeviceRepr for NormForward {}

impl NormForward {
    /// Normalizes by the moments of the batch, which it writes.
    pub(in crate::device) fn by_the_batch<E: Element>(
        mut self,
        gpu: &Gpu,
    ) -> Result<(), CudaError> {
        let sums = self.planes.room(gpu)?;
        (self.sums, self.parts) = (*sums.device_ptr(), self.planes.parts());
        let parameters = (self.x, self.planes, self.sums);
        launch!(gpu, MOMENTS, E, self.blocks(), parameters)?;
        self.run::<E>(gpu)
    }

    /// Normalizes by the moments that are there.
    pub(in crate::device) fn run<E: Element>(self, gpu: &Gpu) -> Result<(), CudaError> {
        launch!(gpu, NORMALIZE, E, self.blocks(), (self,))
    }

    fn blocks(&self) -> cudarc::driver::LaunchConfig {
        sums(self.planes.sizes())
    }
}

/// `NormBack` in norm.cuh; [`NULL`] for what is not there.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::device) struct NormBack {
    pub(in crate::device) d_y: u64,
    /// What was put out, where ReLU cut it off.
    pub(in crate::device) y: u64,
    pub(in crate::device) x: u64,
    pub(in crate::device) mean: u64,
    pub(in crate::device) variance: u64,
    pub(in crate::device) scale: u64,
    pub(in crate::device) d_residual: u64,
    pub(in crate::device) sums: u64,
    pub(in crate::device) d_bias: u64,
    pub(in crate::device) d_scale: u64,
    pub(in crate::device) d_x: u64,
    pub(in crate::device) epsilon: f64,
    pub(in crate::device) planes: Planes,
    pub(in crate::device) parts: u32,
    /// Whether the moments were the batch's own.
    pub(in crate::device) of_the_batch: u32,
    /// Whether `d_x` is added to, or else written.
    pub(in crate::device) add: u32,
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for NormBack {}

impl NormBack {
    /// Adds up what the rest needs; the residual gets its gradient. What is returned must live until the rest is
    /// queued.
    pub(in crate::device) fn sum_up<E: Element>(
        &mut self,
        gpu: &Gpu,
    ) -> Result<CudaSlice<f64>, CudaError> {
        let room = self.planes.room(gpu)?;
        (self.sums, self.parts) = (*room.device_ptr(), self.planes.parts());
        launch!(gpu, NORM_SUMS, E, sums(self.planes.sizes()), (*self,))?;
        Ok(room)
    }

    pub(in crate::device) fn run<E: Element>(mut self, gpu: &Gpu) -> Result<(), CudaError> {
        let _sums = self.sum_up::<E>(gpu)?;
        launch!(gpu, NORM_BACK, E, sums(self.planes.sizes()), (self,))
    }
}

/// Memory for the moments of a batch that nobody asks for but the way back.
pub(in crate::device) struct OwnMoments<E> {
    _room: CudaSlice<E>,
    pub(in crate::device) mean: u64,
    pub(in crate::device) variance: u64,
}

impl<E: Element> OwnMoments<E> {
    pub(in crate::device) fn new(gpu: &Gpu, channels: usize) -> Result<Self, CudaError> {
        let room = scratch::<E>(gpu, 2 * channels)?;
        let mean = *room.device_ptr();
        Ok(Self {
            _room: room,
            mean,
            variance: mean + (channels * size_of::<E>()) as u64,
        })
    }
}

/// Running statistics before a batch, and memory for those after it.
pub(in crate::device) struct Advance<E: Element>
where
    Cuda: Device<E>,
{
    before: Running<E, Cuda>,
    pub(in crate::device) after: Running<E, Cuda>,
}

impl<E: Element> Advance<E>
where
    Cuda: Device<E>,
{
    /// Tensors of their own for those after it: those before may be shared with a copy of the model.
    pub(in crate::device) fn new(
        before: &Running<E, Cuda>,
        channels: usize,
    ) -> Result<Self, CudaError> {
        let sizes = [&before.mean, &before.variance].map(|t| t.shape().0);
        fits(sizes == [channels; 2])?;
        let zeros = || before.mean.device().try_zeros_like(&(channels,));
        Ok(Self {
            after: Running {
                mean: zeros()?,
                variance: zeros()?,
                momentum: before.momentum,
            },
            before: Running {
                mean: before.mean.clone().try_contiguous()?,
                variance: before.variance.clone().try_contiguous()?,
                momentum: before.momentum,
            },
        })
    }

    /// Has `forward` compute them.
    pub(in crate::device) fn along(&self, forward: &mut NormForward) {
        let addresses = |r: &Running<E, Cuda>| -> [u64; 2] {
            let tensors: [&Channels<E, Cuda>; 2] = [&r.mean, &r.variance];
            tensors.map(address)
        };
        forward.before = addresses(&self.before);
        forward.after = addresses(&self.after);
        (forward.keep, forward.take) = self.before.weights(forward.planes.count());
    }
}
