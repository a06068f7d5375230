//! On a GPU: one after the other.

use cudarc::cublas::{CudaBlas, Gemm};
use dfdx::prelude::*;

use super::TryConv2DBatchNorm;
use crate::device::cuda::module::Element;

impl<E: Element> TryConv2DBatchNorm<E> for Cuda
where
    Cuda: Device<E>,
    CudaBlas: Gemm<E>,
{
}
