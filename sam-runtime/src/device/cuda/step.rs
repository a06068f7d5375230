//! Norms and perturbations of gradients, by the kernels of `kernels/step.cu`.

use std::sync::Arc;

use cudarc::driver::{CudaDevice, CudaSlice, DevicePtr, LaunchAsync};
use dfdx::tensor::{Cuda, CudaError, Storage};

use super::{
    gpu::Gpu,
    memory,
    module::{Element, Kernel, Module, blocks, kernel},
    numbers::OnGpu,
    spans::{Launch, count_blocks, in_launches},
};
use crate::device::{
    Buffers, DualNorm, Kernels, Norm, Notes, Numbers, PassNumber, Queue, Span, dual::Place,
};

pub(in crate::device) struct CudaKernels;

const SUMS: &Kernel = &kernel!("sam_sums");
const MAXIMA: &Kernel = &kernel!("sam_maxima");
const FINISH_SUMS: &Kernel = &kernel!("sam_finish_sums" for any);
const FINISH_MAXIMA: &Kernel = &kernel!("sam_finish_maxima" for any);
const PERTURB: &Kernel = &kernel!("sam_perturb");
const PERTURB_ONE: &Kernel = &kernel!("sam_perturb_one");
const SHRINK: &Kernel = &kernel!("sam_shrink");
const CLAMP: &Kernel = &kernel!("sam_clamp");
const COPY: &Kernel = &kernel!("sam_copy");
const ADD: &Kernel = &kernel!("sam_add");
const RESTORE: &Kernel = &kernel!("sam_restore");
const CHOOSE: &Kernel = &kernel!("sam_choose");

static STEP: Module = Module {
    name: "sam_step",
    ptx: include_str!(concat!(env!("OUT_DIR"), "/step.ptx")),
    kernels: &[
        SUMS,
        MAXIMA,
        FINISH_SUMS,
        FINISH_MAXIMA,
        PERTURB,
        PERTURB_ONE,
        SHRINK,
        CLAMP,
        COPY,
        ADD,
        RESTORE,
        CHOOSE,
    ],
};

/// `Record` in step.cu.
const RECORD: usize = 5;
/// `Extreme` in step.cu, as numbers.
const EXTREME: usize = 2;

type Buffer<E> = <Cuda as Storage<E>>::Vec;

/// What a walk over the gradients found.
struct Gradients {
    device: Arc<CudaDevice>,
    /// The gradients as `a`, and as `to`.
    spans: Vec<Span>,
}

impl Gradients {
    /// `None` where there is no gradient at all.
    fn of<E: Element>(
        gradients: &mut dyn Buffers<Buffer<E>, CudaError>,
    ) -> Result<Option<Self>, CudaError> {
        let mut device = None;
        let mut spans = Vec::new();
        gradients.for_each(&mut |g| {
            device.get_or_insert_with(|| g.device());
            let at = memory::of_gradient::<E>(g);
            let len = cudarc::driver::DeviceSlice::len(g);
            let (a, b, to) = (at, 0, at);
            spans.push(Span { a, b, to, len });
            Ok(())
        })?;
        Ok(device.map(|device| Self { device, spans }))
    }
}

/// Queues a kernel over all `spans`.
macro_rules! over {
    ($device:expr, $spans:expr, $kernel:expr, $E:ty $(, $argument:expr)*) => {
        in_launches($spans, |launch: Launch| {
            let function = STEP.function::<$E>($device, $kernel)?;
            // SAFETY: the parameters are those of the kernel in step.cu. Its stretches are memory that
            // the callers hold, and what is freed later is freed on the same stream.
            unsafe { function.launch(launch.config, (launch.table, $($argument,)*)) }?;
            Ok(())
        })
        .map(drop)
    };
}

/// The dual norm of the gradients in `spans`, left on the device.
fn dual_norm<E: Element>(
    device: &Arc<CudaDevice>,
    spans: &[Span],
    norm: Norm,
    notes: Option<(&Notes, PassNumber)>,
) -> Result<DualNorm, CudaError> {
    let (p, q) = (norm.p(), norm.dual());
    let record = OnGpu::zeros(device, RECORD)?;
    let count = count_blocks(spans);
    // f32's squares are numbers of type f64, and so is their sum.
    let scaled = !(E::SQUARES_FIT && q <= 2.0);
    if scaled {
        let partial: CudaSlice<f64> = device.alloc_zeros(EXTREME * count)?;
        let partial = *partial.device_ptr();
        in_launches(spans, |launch| {
            let function = STEP.function::<E>(device, MAXIMA)?;
            // SAFETY: as in `over`; `partial` has an extreme for each block of all launches.
            unsafe { function.launch(launch.config, (launch.table, partial, launch.first)) }?;
            Ok(())
        })?;
        let finish = STEP.function::<E>(device, FINISH_MAXIMA)?;
        // SAFETY: one block, which reads the extremes and writes two numbers of the record.
        unsafe { finish.launch(blocks(1, 1), (partial, count as u32, record.address())) }?;
    }
    let partial: CudaSlice<f64> = device.alloc_zeros(count)?;
    let sums = *partial.device_ptr();
    if q.is_finite() {
        let scale = if scaled { record.address() } else { 0 };
        in_launches(spans, |launch| {
            let function = STEP.function::<E>(device, SUMS)?;
            let parameters = (launch.table, q, scale, sums, launch.first);
            // SAFETY: as in `over`; there is a sum for each block of all launches.
            unsafe { function.launch(launch.config, parameters) }?;
            Ok(())
        })?;
    }
    let finish = STEP.function::<E>(device, FINISH_SUMS)?;
    let (verdict, seen, pass) = match notes {
        Some((notes, pass)) => (notes.verdict.address(), notes.seen.address(), pass),
        None => (0, 0, 0.0),
    };
    let parameters = (
        sums,
        count as u32,
        p,
        q,
        scaled,
        record.address(),
        verdict,
        seen,
        pass,
    );
    // SAFETY: one block, which reads the sums and writes the record and the notes.
    unsafe { finish.launch(blocks(1, 1), parameters) }?;
    let place = Place::Device(Arc::new(record));
    Ok(DualNorm { norm, place })
}

/// `to = a + e`, where `e` is made of `b`.
fn displace<E: Element>(
    device: &Arc<CudaDevice>,
    spans: &[Span],
    dual: &DualNorm,
    rho: f64,
) -> Result<(), CudaError> {
    // The norm of a model without gradients is on the host.
    let Place::Device(record) = &dual.place else {
        return Ok(());
    };
    let (record, q) = (record.address(), dual.norm.dual());
    if q.is_infinite() {
        over!(device, spans, PERTURB_ONE, E, record, rho)
    } else {
        over!(device, spans, PERTURB, E, record, q, rho)
    }
}

impl<E: Element> Kernels<E, Cuda> for CudaKernels {
    fn dual_norm(
        &self,
        gradients: &mut dyn Buffers<Buffer<E>, CudaError>,
        norm: Norm,
        notes: Option<(&Notes, PassNumber)>,
    ) -> Result<DualNorm, CudaError> {
        match Gradients::of(gradients)? {
            Some(all) => dual_norm::<E>(&all.device, &all.spans, norm, notes),
            None => Ok(DualNorm::on_host(norm, 0.0, 1.0)),
        }
    }

    fn ascend(
        &self,
        gradients: &mut dyn Buffers<Buffer<E>, CudaError>,
        dual: &DualNorm,
        rho: f64,
    ) -> Result<(), CudaError> {
        let Some(mut all) = Gradients::of(gradients)? else {
            return Ok(());
        };
        for span in &mut all.spans {
            // Weights that are not there: e itself.
            (span.a, span.b) = (0, span.a);
        }
        displace::<E>(&all.device, &all.spans, dual, rho)
    }

    fn add_scaled(
        &self,
        into: &mut Buffer<E>,
        from: &Buffer<E>,
        weight: f64,
    ) -> Result<(), CudaError> {
        let span = pair::<E>(into, from);
        add_scaled::<E>(&into.device(), &[span], weight)
    }

    fn shrink(
        &self,
        gradients: &mut dyn Buffers<Buffer<E>, CudaError>,
        bound: f64,
    ) -> Result<(), CudaError> {
        let Some(all) = Gradients::of(gradients)? else {
            return Ok(());
        };
        let dual = dual_norm::<E>(&all.device, &all.spans, Norm::L2, None)?;
        let Place::Device(record) = &dual.place else {
            return Ok(());
        };
        let record = record.address();
        over!(&all.device, &all.spans, SHRINK, E, record, bound)
    }

    fn clamp(
        &self,
        gradients: &mut dyn Buffers<Buffer<E>, CudaError>,
        bound: f64,
    ) -> Result<(), CudaError> {
        let Some(all) = Gradients::of(gradients)? else {
            return Ok(());
        };
        let bound: E = narrow(bound);
        over!(&all.device, &all.spans, CLAMP, E, bound)
    }

    fn copy(&self, into: &mut Buffer<E>, from: &Buffer<E>) -> Result<(), CudaError> {
        over!(&into.device(), &[pair::<E>(into, from)], COPY, E)
    }

    fn host<'a>(&self, _: &'a Buffer<E>) -> Option<&'a [E]> {
        None
    }

    fn displaced(&self, _: &[E], _: &[E], _: &mut Vec<E>) {
        unreachable!("weights on a GPU are displaced there")
    }

    fn queue(&self) -> Option<&dyn Queue<E, Cuda>> {
        Some(self)
    }
}

/// A buffer that is written, and one that is read.
fn pair<E: Element>(to: &mut Buffer<E>, a: &Buffer<E>) -> Span {
    Span {
        a: memory::of_gradient::<E>(a),
        b: 0,
        to: memory::of_gradient::<E>(to),
        len: cudarc::driver::DeviceSlice::len(a).min(cudarc::driver::DeviceSlice::len(to)),
    }
}

fn narrow<E: Element>(number: f64) -> E {
    E::from_f64(number).unwrap_or_default()
}

/// `to += weight * a`.
pub(super) fn add_scaled<E: Element>(
    device: &Arc<CudaDevice>,
    spans: &[Span],
    weight: f64,
) -> Result<(), CudaError> {
    let weight: E = narrow(weight);
    over!(device, spans, ADD, E, weight)
}

impl<E: Element> Queue<E, Cuda> for CudaKernels {
    fn zeros(&self, device: &Cuda, len: usize) -> Result<Arc<dyn Numbers>, CudaError> {
        Ok(Arc::new(OnGpu::zeros(&Gpu::of(device)?.driver, len)?))
    }

    fn address(&self, buffer: &Buffer<E>) -> u64 {
        memory::of_gradient::<E>(buffer)
    }

    fn displace(
        &self,
        device: &Cuda,
        spans: &[Span],
        dual: &DualNorm,
        rho: f64,
    ) -> Result<(), CudaError> {
        displace::<E>(&Gpu::of(device)?.driver, spans, dual, rho)
    }

    fn copy(&self, device: &Cuda, spans: &[Span]) -> Result<(), CudaError> {
        over!(&Gpu::of(device)?.driver, spans, COPY, E)
    }

    fn add_scaled(&self, device: &Cuda, spans: &[Span], weight: f64) -> Result<(), CudaError> {
        add_scaled::<E>(&Gpu::of(device)?.driver, spans, weight)
    }

    fn restore(&self, device: &Cuda, spans: &[Span], notes: &Notes) -> Result<(), CudaError> {
        let verdict = notes.verdict.address();
        over!(&Gpu::of(device)?.driver, spans, RESTORE, E, verdict)
    }

    fn choose(&self, device: &Cuda, spans: &[Span], notes: &Notes) -> Result<(), CudaError> {
        let verdict = notes.verdict.address();
        over!(&Gpu::of(device)?.driver, spans, CHOOSE, E, verdict)
    }
}

/// These need a GPU.
#[cfg(all(test, not(feature = "ci-check")))]
mod tests {
    crate::device::checks::battery!(dfdx::tensor::Cuda);
}
