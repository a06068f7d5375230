//! Products of matrices in row-major order, by cuBLAS.

use cudarc::{
    cublas::{CudaBlas, Gemm, GemmConfig, StridedBatchedConfig, sys::cublasOperation_t},
    driver::{DevicePtr, DevicePtrMut, DeviceSlice, sys::CUdeviceptr},
};
use dfdx::tensor::CudaError;

use super::arguments::MISFIT;
use crate::device::cuda::{gpu::Gpu, module::Element};

/// A matrix in row-major order, as it is or turned; how far it is from one of its rows to the next, as they lie in
/// memory; and to the next matrix, 0 for one that is used again and again.
#[derive(Clone, Copy)]
pub(in crate::device) struct Matrix {
    pub(in crate::device) at: CUdeviceptr,
    pub(in crate::device) turned: bool,
    pub(in crate::device) row: usize,
    pub(in crate::device) next: usize,
}

impl Matrix {
    /// The same, turned.
    pub(in crate::device) fn turned(self) -> Self {
        Self {
            turned: !self.turned,
            ..self
        }
    }
}

/// `count` products `c = a b` of an `m x k` and a `k x n` matrix, or `c += a b`.
#[derive(Clone, Copy)]
pub(in crate::device) struct Product {
    pub(in crate::device) m: usize,
    pub(in crate::device) n: usize,
    pub(in crate::device) k: usize,
    pub(in crate::device) a: Matrix,
    pub(in crate::device) b: Matrix,
    /// The first result, not turned.
    pub(in crate::device) c: Matrix,
    pub(in crate::device) add: bool,
    pub(in crate::device) count: usize,
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
            lda: int(self.b.row)?,
            ldb: int(self.a.row)?,
            beta: if self.add { E::ONE } else { E::default() },
            ldc: int(self.c.row)?,
        };
        let config = StridedBatchedConfig {
            gemm,
            batch_size: int(self.count)?,
            stride_a: self.b.next as i64,
            stride_b: self.a.next as i64,
            stride_c: self.c.next as i64,
        };
        let (b, a, mut c) = (At(self.b.at), At(self.a.at), At(self.c.at));
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
pub(in crate::device) struct At(pub(in crate::device) CUdeviceptr);

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
