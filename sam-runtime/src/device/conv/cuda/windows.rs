//! The windows of images as matrices: a row for each tap of a channel, a column for each place.

use cudarc::driver::DeviceRepr;
use dfdx::tensor::CudaError;

use super::{COL2IM, Convolution, IM2COL};
use crate::device::cuda::{
    arguments::Sizes,
    gpu::Gpu,
    launch::each,
    module::{Element, launch},
};

/// `Columns` in windows.cuh: how the windows of images lie as matrices.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Columns {
    /// From one row to the next.
    pub(in crate::device) row: u64,
    /// From one image to the next.
    pub(in crate::device) image: u64,
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for Columns {}

impl Convolution {
    /// Writes the windows of some images to `columns`, and says where they are.
    pub(super) fn windows<E: Element>(
        &self,
        gpu: &Gpu,
        x: u64,
        columns: u64,
        images: usize,
    ) -> Result<u64, CudaError> {
        if self.is_identity() {
            return Ok(x);
        }
        self.im2col::<E>(gpu, x, columns, self.by_image(), images)?;
        Ok(columns)
    }

    /// A matrix for each image.
    pub(super) fn by_image(&self) -> Columns {
        let places = self.sliding.places() as u64;
        Columns {
            row: places,
            image: self.rows() as u64 * places,
        }
    }

    /// Writes the windows of some images.
    pub(in crate::device) fn im2col<E: Element>(
        &self,
        gpu: &Gpu,
        x: u64,
        columns: u64,
        lie: Columns,
        images: usize,
    ) -> Result<(), CudaError> {
        let sizes = self.matrix(images)?;
        let parameters = (x, columns, self.sliding, lie, images as u32);
        launch!(gpu, IM2COL, E, each(sizes), parameters)
    }

    /// Adds up what came back to the windows that cover a pixel.
    pub(in crate::device) fn col2im<E: Element>(
        &self,
        gpu: &Gpu,
        columns: u64,
        d_x: u64,
        lie: Columns,
        images: usize,
    ) -> Result<(), CudaError> {
        let sizes = Sizes {
            batch: images as u32,
            channels: self.sliding.channels,
            positions: self.sliding.pixels() as u32,
        };
        let parameters = (columns, d_x, self.sliding, lie, images as u32);
        launch!(gpu, COL2IM, E, each(sizes), parameters)
    }

    fn matrix(&self, images: usize) -> Result<Sizes, CudaError> {
        Sizes::new(1, self.rows(), self.sliding.places()).map(|sizes| Sizes {
            batch: images as u32,
            ..sizes
        })
    }
}
