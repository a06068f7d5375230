//! Convolution on a GPU: the windows side by side ("im2col"), some images at a time, and products of matrices.
//!
//! | file | what |
//! |---|---|
//! | `group` | the groups of a convolution, whose matrices lie beside each other |
//! | `windows` | the windows of images as matrices |
//! | `cudnn` | the same by cuDNN (feature `cudnn`) |
#![allow(unsafe_code)]

#[cfg(feature = "cudnn")]
mod cudnn;
mod group;
mod windows;

use cudarc::{
    cublas::{CudaBlas, Gemm},
    driver::DevicePtr,
};
use dfdx::{
    prelude::*,
    tensor::{CudaError, Gradients},
};

use group::Group;
pub(in crate::device) use windows::Columns;

use super::TryConv2D;
use crate::{
    device::{
        Image, LayerTape, Window,
        cuda::{
            arguments::{MISFIT, Sizes, fits, in_order, parameter, scratch},
            enable_cudnn::is_cudnn_enabled,
            gpu::Gpu,
            launch::{MOST, all},
            module::{Element, kernels, launch},
            product::{Matrix, Product},
            window::Sliding,
        },
    },
    doors::{
        free::Free4,
        gpu_memory::{address, of_gradient},
        tape::is_input,
        wanted::is_wanted,
    },
};

kernels! { "conv":
    IM2COL = "sam_im2col",
    COL2IM = "sam_col2im",
    ADD_UP = "sam_add_up",
}

/// Numbers that the windows of the images at one time may have: 256 MiB of `f32`. Fewer in tests, so that small images are
/// done in parts.
const ROOM: usize = if cfg!(test) { 1 << 18 } else { 1 << 26 };

impl<E: Element> TryConv2D<E> for Cuda
where
    Cuda: Device<E>,
    CudaBlas: Gemm<E>,
{
    fn try_conv2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
    ) -> Result<Image<E, Self, T>, CudaError> {
        let conv = Convolution::new(
            x.shape().concrete(),
            weight.shape().concrete(),
            window,
            groups,
        )?;
        let (x, mut tape) = in_order(x)?.split_tape();
        let weight = parameter(weight, &mut tape)?;
        let Sliding { down, across, .. } = conv.sliding;
        let shape = (conv.batch, conv.outputs, down as usize, across as usize);
        let y = x.device().try_zeros_like(&shape)?;
        conv.forward::<E>(
            &*Gpu::of(x.device())?,
            address(&x),
            address(&weight),
            address(&y),
        )?;
        if T::OWNS_TAPE {
            let input = is_input::<E, Cuda, T>(&tape);
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let gpu = Gpu::of(x.device())?;
                let at = of_gradient::<E>;
                let back = Back {
                    x: address(&x),
                    weight: address(&weight),
                    d_y: at(gradients.get_or_alloc_mut(&y)?),
                    d_weight: at(gradients.get_or_alloc_mut(&weight)?),
                    d_x: wanted(&x, input, gradients)?,
                };
                conv.backward::<E>(&gpu, &back)
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// The address of the gradient of `x`, unless it is the network's `input` and nobody asks for it.
pub(in crate::device) fn wanted<E: Element>(
    x: &Image<E, Cuda>,
    input: bool,
    gradients: &mut Gradients<E, Cuda>,
) -> Result<Option<u64>, CudaError>
where
    Cuda: Device<E>,
{
    if input && !is_wanted::<Free4, _, _, _>(x, gradients) {
        return Ok(None);
    }
    Ok(Some(of_gradient::<E>(gradients.get_or_alloc_mut(x)?)))
}

/// A convolution of one size.
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Convolution {
    pub(in crate::device) sliding: Sliding,
    pub(in crate::device) batch: usize,
    pub(in crate::device) outputs: usize,
    pub(in crate::device) groups: usize,
    /// Images at one time.
    pub(in crate::device) images: usize,
    /// Whether cuDNN does it.
    by_cudnn: bool,
}

/// Addresses for the way back.
pub(in crate::device) struct Back {
    pub(in crate::device) x: u64,
    pub(in crate::device) weight: u64,
    pub(in crate::device) d_y: u64,
    pub(in crate::device) d_weight: u64,
    pub(in crate::device) d_x: Option<u64>,
}

impl Convolution {
    pub(in crate::device) fn new(
        [batch, channels, height, width]: [usize; 4],
        [outputs, inner, down, across]: [usize; 4],
        window: Window,
        groups: usize,
    ) -> Result<Self, CudaError> {
        let fit = groups > 0
            && outputs % groups == 0
            && inner.checked_mul(groups) == Some(channels)
            && (down, across) == (window.size, window.size);
        fits(fit)?;
        let sliding = Sliding::new(window, channels, [height, width])?;
        // Everything that is counted with 32 bits.
        Sizes::new(batch, channels, sliding.pixels())?;
        Sizes::new(batch, outputs, sliding.places())?;
        let rows = channels.checked_mul(sliding.taps()).ok_or(MISFIT)?;
        let columns = Sizes::new(1, rows, sliding.places())?.len();
        fits(rows <= MOST)?;
        Ok(Self {
            sliding,
            batch,
            outputs,
            groups,
            images: (ROOM / columns).clamp(1, batch.min(MOST)),
            by_cudnn: cfg!(feature = "cudnn") && is_cudnn_enabled(),
        })
    }

    /// Rows of the windows' matrix: a tap of a channel each.
    pub(in crate::device) fn rows(&self) -> usize {
        self.sliding.channels as usize * self.sliding.taps()
    }

    /// Whether each place covers its own pixel and nothing else: then the image is the matrix.
    fn is_identity(&self) -> bool {
        let Sliding {
            size,
            stride,
            padding,
            ..
        } = self.sliding;
        (size, stride, padding) == (1, 1, 0)
    }

    /// Whether the output is computed image by image, as tensors lie, with nothing else to gain.
    pub(in crate::device) fn is_by_image(&self) -> bool {
        self.by_cudnn || self.is_identity()
    }

    /// Calls `f` with the first image of a part, and how many it has.
    pub(in crate::device) fn parts(
        &self,
        mut f: impl FnMut(usize, usize) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        (0..self.batch)
            .step_by(self.images)
            .try_for_each(|first| f(first, self.images.min(self.batch - first)))
    }

    /// Numbers of scratch for the windows of a part.
    pub(in crate::device) fn room(&self) -> usize {
        match self.is_identity() {
            true => 0,
            false => self.images * self.rows() * self.sliding.places(),
        }
    }

    /// Addresses of element `at` of an image `first` of so many elements each.
    fn image<E>(start: u64, first: usize, elements: usize) -> u64 {
        start + (first * elements * size_of::<E>()) as u64
    }

    pub(in crate::device) fn forward<E: Element>(
        &self,
        gpu: &Gpu,
        x: u64,
        weight: u64,
        y: u64,
    ) -> Result<(), CudaError>
    where
        CudaBlas: Gemm<E>,
    {
        #[cfg(feature = "cudnn")]
        if self.by_cudnn {
            return cudnn::forward::<E>(self, gpu, x, weight, y);
        }
        let scratch = scratch::<E>(gpu, self.room().max(1))?;
        let (pixels, places) = (self.sliding.pixels(), self.sliding.places());
        let channels = self.sliding.channels as usize;
        self.parts(|first, images| {
            let x = Self::image::<E>(x, first, channels * pixels);
            let y = Self::image::<E>(y, first, self.outputs * places);
            let columns = self.windows::<E>(gpu, x, *scratch.device_ptr(), images)?;
            self.each_group(|group| {
                Product {
                    m: group.outputs,
                    n: places,
                    k: group.rows,
                    a: group.weight::<E>(weight),
                    b: group.columns::<E>(columns),
                    c: group.outputs::<E>(y),
                    add: false,
                    count: images,
                }
                .run::<E>(gpu)
            })
        })
    }

    pub(in crate::device) fn backward<E: Element>(
        &self,
        gpu: &Gpu,
        back: &Back,
    ) -> Result<(), CudaError>
    where
        CudaBlas: Gemm<E>,
    {
        #[cfg(feature = "cudnn")]
        if self.by_cudnn {
            return cudnn::backward::<E>(self, gpu, back);
        }
        let (pixels, places) = (self.sliding.pixels(), self.sliding.places());
        let channels = self.sliding.channels as usize;
        // The weight's gradient by each image, which are added up: no two write to one number.
        let per_image = self.outputs * self.rows() / self.groups;
        let columns = scratch::<E>(gpu, self.images * self.rows() * places)?;
        let images_at_once = (ROOM / per_image).clamp(1, self.images);
        let weights = scratch::<E>(gpu, images_at_once * per_image)?;
        let weights = *weights.device_ptr();
        self.parts(|first, images| {
            let x = Self::image::<E>(back.x, first, channels * pixels);
            let d_y = Self::image::<E>(back.d_y, first, self.outputs * places);
            let windows = self.windows::<E>(gpu, x, *columns.device_ptr(), images)?;
            for from in (0..images).step_by(images_at_once) {
                let count = images_at_once.min(images - from);
                let windows = Self::image::<E>(windows, from, self.rows() * places);
                let d_y = Self::image::<E>(d_y, from, self.outputs * places);
                self.each_group(|group| {
                    Product {
                        m: group.outputs,
                        n: group.rows,
                        k: places,
                        a: group.outputs::<E>(d_y),
                        b: group.columns::<E>(windows).turned(),
                        c: Matrix {
                            next: per_image,
                            ..group.weight::<E>(weights)
                        },
                        add: false,
                        count,
                    }
                    .run::<E>(gpu)
                })?;
                let parameters = (weights, per_image as u64, count as u32, back.d_weight);
                launch!(gpu, ADD_UP, E, all(per_image), parameters)?;
            }
            let Some(d_x) = back.d_x else {
                return Ok(());
            };
            let d_x = Self::image::<E>(d_x, first, channels * pixels);
            let identity = self.is_identity();
            let d_windows = if identity { d_x } else { *columns.device_ptr() };
            self.each_group(|group| {
                Product {
                    m: group.rows,
                    n: places,
                    k: group.outputs,
                    a: group.weight::<E>(back.weight).turned(),
                    b: group.outputs::<E>(d_y),
                    c: group.columns::<E>(d_windows),
                    add: identity,
                    count: images,
                }
                .run::<E>(gpu)
            })?;
            if identity {
                return Ok(());
            }
            self.col2im::<E>(gpu, d_windows, d_x, self.by_image(), images)
        })
    }

    fn each_group(&self, f: impl FnMut(Group) -> Result<(), CudaError>) -> Result<(), CudaError> {
        let group = |index| Group {
            index,
            outputs: self.outputs / self.groups,
            rows: self.rows() / self.groups,
            places: self.sliding.places(),
            groups: self.groups,
        };
        (0..self.groups).map(group).try_for_each(f)
    }
}
