//! Products of matrices in row-major order, by cuBLAS.

use cudarc::{
    cublas::{CudaBlas, Gemm, GemmConfig, StridedBatchedConfig, sys::cublasOperation_t},
    driver::{DevicePtr, DevicePtrMut, DeviceSlice, sys::CUdeviceptr},
};
use dfdx::tensor::CudaError;

use super::arguments::MISFIT;
use crate::device::cuda::{gpu::Gpu, module::Element};

/// A matrix in row-major order, as it is or turned; and how far it is to the next one, 0 for one that is
/// used again and again.
#[derive(Clone, Copy)]
pub(in crate::device) struct Matrix {
    pub(in crate::device) at: CUdeviceptr,
    pub(in crate::device) turned: bool,
    pub(in crate::device) next: usize,
}

/// `count` products `c = a b` of an `m x k` and a `k x n` matrix, or `c += a b`.
#[derive(Clone, Copy)]
pub(in crate::device) struct Product {
    pub(in crate::device) m: usize,
    pub(in crate::device) n: usize,
    pub(in crate::device) k: usize,
    pub(in crate::device) a: Matrix,
    pub(in crate::device) b: Matrix,
    /// The address of the first result.
    pub(in crate::device) c: CUdeviceptr,
    pub(in crate::device) add: bool,
    pub(in crate::device) count: usize,
    /// How far it is from one result to the next.
    pub(in crate::device) next: usize,
}

impl Product {
    pub(in crate::device) fn run<E: Element>(&self, gpu: &Gpu) -> Result<(), CudaError>
    where
        CudaBlas: Gemm<E>,
    {
        let int = |n: usize| i32::try_from(n).map_err(|_| MISFIT);
        let operation = |matrix: Matrix| match matrix.turned {
            true => cublasOperation_t::CUBLAS_OP_T,
            false => cublasOperation_t::CUBLAS_OP_N,
        };
        // cuBLAS has matrices in column-major order: there, c's memory is b^T a^T.
        let gemm = GemmConfig {
            transa: operation(self.b),
            transb: operation(self.a),
            m: int(self.n)?,
            n: int(self.m)?,
            k: int(self.k)?,
            alpha: E::ONE,
            lda: int(if self.b.turned { self.k } else { self.n })?,
            ldb: int(if self.a.turned { self.m } else { self.k })?,
            beta: if self.add { E::ONE } else { E::default() },
            ldc: int(self.n)?,
        };
        let config = StridedBatchedConfig {
            gemm,
            batch_size: int(self.count)?,
            stride_a: self.b.next as i64,
            stride_b: self.a.next as i64,
            stride_c: self.next as i64,
        };
        let (b, a, mut c) = (At(self.b.at), At(self.a.at), At(self.c));
        // SAFETY: the callers hold memory for matrices of these sizes.
        unsafe {
            if self.count == 1 {
                gpu.blas()?.gemm(config.gemm, &b, &a, &mut c)?;
            } else {
                gpu.blas()?.gemm_strided_batched(config, &b, &a, &mut c)?;
            }
        }
        Ok(())
    }
}

/// An address, as cudarc's functions take it.
struct At(CUdeviceptr);

impl<E> DeviceSlice<E> for At {
    fn len(&self) -> usize {
        0
    }
}

impl<E> DevicePtr<E> for At {
    fn device_ptr(&self) -> &CUdeviceptr {
        &self.0
    }
}

impl<E> DevicePtrMut<E> for At {
    fn device_ptr_mut(&mut self) -> &mut CUdeviceptr {
        &mut self.0
    }
}
