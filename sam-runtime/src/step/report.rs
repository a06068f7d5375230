use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    sync::Arc,
};

use crate::device::{DualNorm, vectors::DeviceScalars};

/// A loss that is read from its device only when somebody asks.
pub(crate) type LazyLoss = Box<dyn Fn() -> f64>;

/// What the last SAM step saw. Read it with [`last_report`]. On a GPU each number is fetched when it is
/// asked for, which waits for the step.
///
/// ```
/// use sam_runtime::{Sam, dfdx::prelude::*, last_report};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
/// let grads = model.alloc_grads();
/// Sam::new(0.05).step(&mut model, x, grads, |model, x, grads| {
///     model.forward_mut(x.traced(grads)).square().mean()
/// })?;
/// let report = last_report().expect("a step has ended");
/// assert_eq!((report.rho, report.chunks), (0.05, 1));
/// assert!(report.sharpness() > Some(0.0));
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
#[derive(Default)]
pub struct StepReport {
    /// rho of this step.
    pub rho: f64,
    /// The number of chunks, each with its own perturbation.
    pub chunks: usize,
    /// Gradients of the batch that this step took: 2 for SAM, 1 where rho was 0.
    pub gradients: f64,
    /// The method's type, such as `Gsam`; `LpSam` is SAM itself.
    pub method: Cow<'static, str>,
    pub(crate) clean: Vec<(f64, LazyLoss)>,
    pub(crate) perturbed: Vec<(f64, LazyLoss)>,
    /// The norm of each chunk's clean gradient, and the chunk's share of the batch.
    pub(crate) norms: Vec<(DualNorm, f64)>,
    pub(crate) is_skipped: bool,
    /// On a device where reading means waiting: not 0 if the batch was left out.
    pub(crate) flag: Option<Arc<dyn DeviceScalars>>,
    /// Set where this waits for the device.
    pub(crate) waited: Option<Rc<Cell<bool>>>,
}

impl StepReport {
    /// The loss at `w`, the mean over the batch. `None` if the loss is no dfdx scalar, as in a
    /// function that is generic over its loss type.
    pub fn clean_loss(&self) -> Option<f64> {
        self.mean(&self.clean)
    }

    /// The loss at `w + e`: where a method takes several passes, that of the last one if the update takes its gradient, as with
    /// several inner steps, else that of the first one behind the clean pass. `None` as for [`Self::clean_loss`], where rho was
    /// 0, and where there was no such pass.
    pub fn perturbed_loss(&self) -> Option<f64> {
        self.mean(&self.perturbed)
    }

    /// The sharpness that this step met: perturbed loss less clean loss (the first-order estimate
    /// of SAM's `max L(w + e) - L(w)`).
    pub fn sharpness(&self) -> Option<f64> {
        Some(self.perturbed_loss()? - self.clean_loss()?)
    }

    /// `||g||_q`, the norm of the clean gradient in the dual of the step's norm: the mean over the
    /// chunks. `None` where rho was 0 and no norm was taken.
    pub fn gradient_norm(&self) -> Option<f64> {
        self.waits();
        let norms = self.norms.iter().map(|(norm, share)| norm.value() * share);
        (!self.norms.is_empty()).then(|| norms.sum())
    }

    /// Whether the batch was left out, since a gradient was not finite (`nonfinite = "skip"`).
    pub fn skipped(&self) -> bool {
        self.waits();
        let by_device = self.flag.as_ref().is_some_and(|f| f.read()[0] != 0.0);
        self.is_skipped || by_device
    }

    /// [`Self::skipped`] where that is known; else where a device has it, whose first number is not 0 then.
    pub(crate) fn skipped_or_flag(&self) -> Result<bool, Arc<dyn DeviceScalars>> {
        match &self.flag {
            Some(flag) if !self.is_skipped => Err(flag.clone()),
            _ => Ok(self.is_skipped),
        }
    }

    fn mean(&self, parts: &[(f64, LazyLoss)]) -> Option<f64> {
        self.waits();
        (!parts.is_empty()).then(|| parts.iter().map(|(weight, loss)| weight * loss()).sum())
    }

    fn waits(&self) {
        if let Some(waited) = &self.waited {
            waited.set(true);
        }
    }
}

impl fmt::Debug for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepReport")
            .field("rho", &self.rho)
            .field("gradient_norm", &self.gradient_norm())
            .field("chunks", &self.chunks)
            .field("method", &self.method)
            .field("gradients", &self.gradients)
            .field("skipped", &self.skipped())
            .field("clean_loss", &self.clean_loss())
            .field("perturbed_loss", &self.perturbed_loss())
            .finish()
    }
}

thread_local! {
    static LAST: RefCell<Option<StepReport>> = const { RefCell::new(None) };
}

pub(crate) fn publish(report: StepReport) {
    LAST.set(Some(report));
}

/// The report of the SAM step that ended last on this thread; it is handed out once. `None` before
/// the first step, and where the attribute was deleted: a loop that reads it keeps compiling.
///
/// ```
/// if let Some(report) = sam_runtime::last_report() {
///     println!("sharpness {:?}, gradient norm {:?}", report.sharpness(), report.gradient_norm());
/// }
/// ```
pub fn last_report() -> Option<StepReport> {
    LAST.take()
}
