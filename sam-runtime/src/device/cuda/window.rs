//! A window that slides over images, as kernels take it.

use cudarc::driver::DeviceRepr;
use dfdx::tensor::CudaError;

use super::arguments::MISFIT;
use crate::device::Window;

/// `Sliding` in `window.cuh`: a window that moves over images.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Sliding {
    pub(in crate::device) channels: u32,
    pub(in crate::device) height: u32,
    pub(in crate::device) width: u32,
    pub(in crate::device) down: u32,
    pub(in crate::device) across: u32,
    pub(in crate::device) size: u32,
    pub(in crate::device) stride: u32,
    pub(in crate::device) padding: u32,
    pub(in crate::device) dilation: u32,
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for Sliding {}

impl Sliding {
    /// `window` on images of a size; an error where it has no place, or too many.
    pub(in crate::device) fn new(
        window: Window,
        channels: usize,
        [height, width]: [usize; 2],
    ) -> Result<Self, CudaError> {
        let places = |side| window.places(side).ok_or(MISFIT);
        let (down, across) = (places(height)?, places(width)?);
        // So that no sum of them is too large for a kernel.
        let small = |n: usize| match u32::try_from(n) {
            Ok(n) if n < 1 << 30 => Ok(n),
            _ => Err(MISFIT),
        };
        let taps = window.size.checked_mul(window.size).ok_or(MISFIT)?;
        small(down.checked_mul(across).ok_or(MISFIT)?)?;
        small(taps)?;
        small(window.size.checked_mul(window.dilation).ok_or(MISFIT)?)?;
        small(down.checked_mul(window.stride).ok_or(MISFIT)?)?;
        small(across.checked_mul(window.stride).ok_or(MISFIT)?)?;
        Ok(Self {
            channels: small(channels)?,
            height: small(height)?,
            width: small(width)?,
            down: small(down)?,
            across: small(across)?,
            size: small(window.size)?,
            stride: small(window.stride)?,
            padding: small(window.padding)?,
            dilation: small(window.dilation)?,
        })
    }

    pub(in crate::device) fn places(&self) -> usize {
        self.down as usize * self.across as usize
    }

    pub(in crate::device) fn pixels(&self) -> usize {
        self.height as usize * self.width as usize
    }

    pub(in crate::device) fn taps(&self) -> usize {
        self.size as usize * self.size as usize
    }
}
