//! The operations on an NVIDIA GPU, by the kernels of `vectors.cu`.
//!
//! | file | what |
//! |---|---|
//! | `ranges` | the ranges of memory of many tensors in one launch |
//! | `scalars` | numbers that go from kernel to kernel |
#![allow(unsafe_code)]

mod ranges;
mod scalars;

use std::sync::Arc;

use cudarc::driver::{CudaDevice, CudaSlice, DevicePtr, DeviceRepr, DeviceSlice, LaunchAsync};
use dfdx::tensor::{Cuda, CudaError, Storage};

use ranges::{Launch, count_blocks, in_launches};
use scalars::GpuScalars;

use super::{
    Coefficient, DeviceRange, DeviceScalars, DualNorm, Map, NonFiniteFlags, Norm, Parts, PassCode,
    Scalar, Vectors, Walk, dual_norm, scalars as any_scalars,
};
use crate::{
    device::cuda::{
        gpu::Gpu,
        module::{Element, blocks, kernels},
    },
    doors::gpu_memory::of_gradient,
};

pub(super) struct OnCuda;

kernels! { "vectors":
    SUMS = "sam_sums",
    MAXIMA = "sam_maxima",
    PRODUCTS = "sam_products",
    FINISH_SUMS = "sam_finish_sums",
    FINISH_MAXIMA = "sam_finish_maxima",
    FINISH_PRODUCTS = "sam_finish_products",
    PERTURB = "sam_perturb",
    PERTURB_ONE = "sam_perturb_one",
    AXPBY = "sam_axpby",
    SCALE_BY_SIZE = "sam_scale_by_size",
    SUM = "sam_sum",
    SHRINK = "sam_shrink",
    CLAMP = "sam_clamp",
    CHOOSE = "sam_choose",
}

/// `Record` in vectors.cu.
const RECORD: usize = 5;
/// `Extreme` in vectors.cu, as numbers.
const EXTREME: usize = 2;

type Buffer<E> = <Cuda as Storage<E>>::Vec;

/// Queues a kernel over all `ranges`.
macro_rules! over {
    ($driver:expr, $ranges:expr, $kernel:expr, $E:ty $(, $argument:expr)*) => {
        in_launches($ranges, |launch: Launch| {
            let function = $kernel.of::<$E>($driver)?;
            // SAFETY: the parameters are those of the kernel in vectors.cu. Its ranges are memory that
            // the callers hold, and what is freed later is freed on the same stream.
            unsafe { function.launch(launch.config, (launch.table, $($argument,)*)) }?;
            Ok(())
        })
        .map(drop)
    };
}

/// The ranges of a walk.
fn ranges<E>(walk: Walk<'_, E, CudaError>) -> Result<Vec<DeviceRange>, CudaError> {
    let mut ranges = Vec::new();
    walk(&mut |parts| {
        match parts {
            Parts::Device(range) => ranges.push(range),
            Parts::Host { .. } => unreachable!("vectors of a GPU"),
        }
        Ok(())
    })?;
    Ok(ranges)
}

/// `Coefficient` in vectors.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawCoefficient {
    factor: f64,
    times: u64,
    over: u64,
}

// SAFETY: plain numbers in C's layout, as the kernels declare it.
unsafe impl DeviceRepr for RawCoefficient {}

impl RawCoefficient {
    /// What is on the host goes into the factor.
    fn of(coefficient: &Coefficient) -> Self {
        let mut on_host = coefficient.clone();
        let times = on_host.times.take_if(|scalar| address(scalar) != 0);
        let over = on_host.over.take_if(|scalar| address(scalar) != 0);
        let address = |scalar: &Option<Scalar>| scalar.as_ref().map_or(0, address);
        Self {
            factor: on_host.value(),
            times: address(&times),
            over: address(&over),
        }
    }
}

/// Where the number is; 0 for one on the host.
fn address(scalar: &Scalar) -> u64 {
    match &scalar.0 {
        any_scalars::Place::Host(_) => 0,
        any_scalars::Place::Device(scalars, at) => {
            scalars.address() + (at * size_of::<f64>()) as u64
        }
    }
}

impl<E: Element> Vectors<E, Cuda> for OnCuda {
    fn parts<'a>(&self, x: &'a mut Buffer<E>, y: Option<&'a Buffer<E>>) -> Parts<'a, E> {
        Parts::Device(DeviceRange {
            x: of_gradient::<E>(x),
            y: y.map_or(0, of_gradient::<E>),
            z: 0,
            len: DeviceSlice::len(x),
        })
    }

    fn scalars(
        &self,
        device: &Cuda,
        len: usize,
    ) -> Result<Option<Arc<dyn DeviceScalars>>, CudaError> {
        let zeros = GpuScalars::zeros(&Gpu::of(device)?.driver, len)?;
        Ok(Some(Arc::new(zeros)))
    }

    fn dual_norm(
        &self,
        device: &Cuda,
        walk: Walk<'_, E, CudaError>,
        norm: Norm,
        flags: Option<(&NonFiniteFlags, PassCode)>,
    ) -> Result<DualNorm, CudaError> {
        dual_norm::<E>(&Gpu::of(device)?.driver, &ranges(walk)?, norm, flags)
    }

    fn dot(&self, device: &Cuda, walk: Walk<'_, E, CudaError>) -> Result<Scalar, CudaError> {
        let (driver, ranges) = (&Gpu::of(device)?.driver, ranges(walk)?);
        let product = GpuScalars::zeros(driver, 1)?;
        let count = count_blocks(&ranges);
        let partial: CudaSlice<f64> = driver.alloc_zeros(count)?;
        let sums = *partial.device_ptr();
        in_launches(&ranges, |launch| {
            let function = PRODUCTS.of::<E>(driver)?;
            // SAFETY: as in `over`; there is a sum for each block of all launches.
            unsafe { function.launch(launch.config, (launch.table, sums, launch.first)) }?;
            Ok(())
        })?;
        let finish = FINISH_PRODUCTS.of::<E>(driver)?;
        // SAFETY: one block, which reads the sums and writes the one number.
        unsafe { finish.launch(blocks(1, 1), (sums, count as u32, product.address())) }?;
        Ok(Scalar(any_scalars::Place::Device(Arc::new(product), 0)))
    }

    fn map(
        &self,
        device: &Cuda,
        walk: Walk<'_, E, CudaError>,
        map: Map<'_>,
    ) -> Result<(), CudaError> {
        let (driver, mut ranges) = (&Gpu::of(device)?.driver, ranges(walk)?);
        match map {
            Map::Axpby { keep, add } => {
                let (keep, add) = (RawCoefficient::of(&keep), RawCoefficient::of(&add));
                over!(driver, &ranges, AXPBY, E, keep, add)
            }
            Map::ScaleBySize { eta } => over!(driver, &ranges, SCALE_BY_SIZE, E, eta),
            Map::Perturb { dual, rho } => {
                // The norm of a model without gradients is on the host.
                let dual_norm::Place::Device(record) = &dual.place else {
                    return Ok(());
                };
                for range in &mut ranges {
                    range.z = if range.z == 0 { range.x } else { range.z };
                }
                match (record.address(), dual.norm.dual()) {
                    (record, q) if q.is_infinite() => {
                        over!(driver, &ranges, PERTURB_ONE, E, record, rho)
                    }
                    (record, q) => over!(driver, &ranges, PERTURB, E, record, q, rho),
                }
            }
            Map::Sum => over!(driver, &ranges, SUM, E),
            Map::Clamp { bound } => over!(driver, &ranges, CLAMP, E, narrow::<E>(bound)),
            Map::Shrink { norm, bound } => match address(&norm.scalar()) {
                0 => Ok(()),
                norm => over!(driver, &ranges, SHRINK, E, norm, bound),
            },
            Map::Choose(flags) => over!(driver, &ranges, CHOOSE, E, flags.step.address()),
        }
    }
}

/// The dual norm of `x`, left on the device.
fn dual_norm<E: Element>(
    driver: &Arc<CudaDevice>,
    ranges: &[DeviceRange],
    norm: Norm,
    flags: Option<(&NonFiniteFlags, PassCode)>,
) -> Result<DualNorm, CudaError> {
    let (p, q) = (norm.p(), norm.dual());
    let record = GpuScalars::zeros(driver, RECORD)?;
    let count = count_blocks(ranges);
    // f32's squares are numbers of type f64, and so is their sum.
    let scaled = !(E::SQUARES_FIT && q <= 2.0);
    if scaled {
        let partial: CudaSlice<f64> = driver.alloc_zeros(EXTREME * count)?;
        let partial = *partial.device_ptr();
        in_launches(ranges, |launch| {
            let function = MAXIMA.of::<E>(driver)?;
            // SAFETY: as in `over`; `partial` has an extreme for each block of all launches.
            unsafe { function.launch(launch.config, (launch.table, partial, launch.first)) }?;
            Ok(())
        })?;
        let finish = FINISH_MAXIMA.of::<E>(driver)?;
        // SAFETY: one block, which reads the extremes and writes two numbers of the record.
        unsafe { finish.launch(blocks(1, 1), (partial, count as u32, record.address())) }?;
    }
    let partial: CudaSlice<f64> = driver.alloc_zeros(count)?;
    let sums = *partial.device_ptr();
    if q.is_finite() {
        let scale = if scaled { record.address() } else { 0 };
        in_launches(ranges, |launch| {
            let function = SUMS.of::<E>(driver)?;
            let parameters = (launch.table, q, scale, sums, launch.first);
            // SAFETY: as in `over`; there is a sum for each block of all launches.
            unsafe { function.launch(launch.config, parameters) }?;
            Ok(())
        })?;
    }
    let finish = FINISH_SUMS.of::<E>(driver)?;
    let (step, since, pass) = match flags {
        Some((flags, pass)) => (flags.step.address(), flags.since.address(), pass),
        None => (0, 0, 0.0),
    };
    let parameters = (
        sums,
        count as u32,
        p,
        q,
        scaled,
        record.address(),
        step,
        since,
        pass,
    );
    // SAFETY: one block, which reads the sums and writes the record and the flags.
    unsafe { finish.launch(blocks(1, 1), parameters) }?;
    let place = dual_norm::Place::Device(Arc::new(record));
    Ok(DualNorm { norm, place })
}

fn narrow<E: Element>(number: f64) -> E {
    E::from_f64(number).unwrap_or_default()
}

/// `x += weight * y`.
pub(in crate::device) fn add_scaled<E: Element>(
    driver: &Arc<CudaDevice>,
    range: DeviceRange,
    weight: f64,
) -> Result<(), CudaError> {
    let keep = RawCoefficient::of(&Coefficient::ONE);
    let add = RawCoefficient::of(&weight.into());
    over!(driver, &[range], AXPBY, E, keep, add)
}

/// These need a GPU.
#[cfg(all(test, not(feature = "ci-check")))]
mod tests {
    crate::device::vectors::checks::battery!(dfdx::tensor::Cuda);
}
