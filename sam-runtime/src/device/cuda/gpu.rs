//! The card that a device of dfdx runs on.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
};

use cudarc::{cublas::CudaBlas, driver::CudaDevice};
use dfdx::tensor::{Cuda, CudaError};

use super::tf32::{is_tf32_allowed, set_math};
use crate::doors::gpu_memory::{context, driver};

/// The driver's device, and a handle of cuBLAS, which takes long to make.
pub(in crate::device) struct Gpu {
    pub(in crate::device) driver: Arc<CudaDevice>,
    blas: OnceCell<CudaBlas>,
    /// Whether products may be made in TF32, as cuBLAS was told last.
    tf32: Cell<bool>,
    #[cfg(feature = "cudnn")]
    cudnn: OnceCell<Arc<cudarc::cudnn::Cudnn>>,
}

impl Gpu {
    /// The card of `device`; kept for each thread, since each layer asks.
    pub(in crate::device) fn of(device: &Cuda) -> Result<Rc<Self>, CudaError> {
        thread_local! {
            /// By their contexts.
            static KNOWN: RefCell<Vec<(u64, Rc<Gpu>)>> = const { RefCell::new(Vec::new()) };
        }
        let context = context(device);
        let known = KNOWN.with_borrow(|known| {
            let known = known.iter().find(|(of, _)| *of == context);
            known.map(|(_, gpu)| gpu.clone())
        });
        if let Some(gpu) = known {
            return Ok(gpu);
        }
        let gpu = Rc::new(Self {
            driver: driver(device)?,
            blas: OnceCell::new(),
            tf32: Cell::new(false),
            #[cfg(feature = "cudnn")]
            cudnn: OnceCell::new(),
        });
        KNOWN.with_borrow_mut(|known| known.push((context, gpu.clone())));
        Ok(gpu)
    }

    /// cuBLAS, on the stream that all else is on, with the precision that is allowed now.
    pub(in crate::device) fn blas(&self) -> Result<&CudaBlas, CudaError> {
        let blas = match self.blas.get() {
            Some(blas) => blas,
            None => {
                let blas = CudaBlas::new(self.driver.clone())?;
                self.blas.get_or_init(|| blas)
            }
        };
        let allowed = is_tf32_allowed();
        if self.tf32.get() != allowed {
            set_math(blas, allowed)?;
            self.tf32.set(allowed);
        }
        Ok(blas)
    }

    /// cuDNN, on the same stream.
    #[cfg(feature = "cudnn")]
    pub(in crate::device) fn cudnn(&self) -> Result<&Arc<cudarc::cudnn::Cudnn>, CudaError> {
        if let Some(cudnn) = self.cudnn.get() {
            return Ok(cudnn);
        }
        let cudnn = cudarc::cudnn::Cudnn::new(self.driver.clone())?;
        Ok(self.cudnn.get_or_init(|| cudnn))
    }
}
