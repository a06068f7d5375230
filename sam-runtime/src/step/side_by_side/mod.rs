//! SAMPa with both gradients of a step at once, each on half of the threads.
//!
//! | file | what |
//! |---|---|
//! | `passes` | one pass, and two at once |
//! | `space` | the two points at which gradients are taken, and their memory |

mod passes;
mod space;

use dfdx::{
    nn::tensor_collection::*,
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use self::{
    passes::{Passed, Pools, pass},
    space::Space,
};
use super::{
    LossValue, On, Pass, StepError, StepReport,
    methods::{Method, Sampa},
    report::publish,
    tensors::parameter_ids,
    twins::{Twin, Twins},
    vectors::ModelVectors,
};
use crate::{
    device::{DualNorm, Norm},
    doors::generator::{Generator, generator},
};

/// SAMPa (Xie et al. 2024, algorithm 1) whose two gradients are taken at once, each on half of the threads of this
/// machine: the one that climbs on a batch, and the perturbed one on the batch before it, for neither waits for the
/// other. With the weights `x`, the gradient `d` at `y` on a batch, and the one, `a`, at `x'`:
///
/// ```text
/// x' = x + rho d/||d||,  y <- x - lr d
/// at once: a at x' on this batch, d at y on the next one
/// x <- x - lr ((1 - lambda) a + lambda d)
/// ```
///
/// A small network leaves half of a machine idle, so that two passes at once take little longer than one; where one
/// pass keeps all cores busy, little is gained, and [`one_after_the_other`](Self::one_after_the_other) gives the same
/// bits. The loss runs on two threads, so it can change nothing but its model. On the CPU.
///
/// ```
/// use sam_runtime::{
///     dfdx::{optim::{Sgd, SgdConfig}, prelude::*},
///     step::{SideBySide, methods::Sampa},
/// };
///
/// let dev = Cpu::seed_from_u64(0);
/// let mut model = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 2>), f32>();
/// let mut opt = Sgd::new(&model, SgdConfig { lr: 0.1, momentum: None, weight_decay: None });
/// let loss = |model: &mut _, (x, y): (Tensor<Rank2<16, 4>, f32, Cpu>, Tensor<_, f32, Cpu>), grads| {
///     # fn of<M: ModuleMut<Tensor<Rank2<16, 4>, f32, Cpu, OwnedTape<f32, Cpu>>, Output = Tensor<Rank2<16, 2>, f32, Cpu, OwnedTape<f32, Cpu>>>>(_: &M) {}
///     # of(model);
///     mse_loss(ModuleMut::forward_mut(model, x.traced(grads)), y)
/// };
/// let mut sampa = SideBySide::new(0.1, Sampa { lambda: 0.2, lr: 0.1 });
/// for _ in 0..10 {
///     let (x, y) = (dev.sample_normal(), dev.sample_normal::<Rank2<16, 2>>());
///     if let Some(gradients) = sampa.step(&mut model, (x, y), loss)? {
///         opt.update(&mut model, gradients).unwrap();
///     }
/// }
/// // The last batch still waits for its second gradient.
/// if let Some(gradients) = sampa.finish(&mut model, loss)? {
///     opt.update(&mut model, gradients).unwrap();
/// }
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
pub struct SideBySide<M, B, E: Dtype> {
    rho: f64,
    norm: Norm,
    method: Sampa,
    is_at_once: bool,
    pools: Pools,
    space: Option<Space<M, E>>,
    waiting: Option<Waiting<B>>,
}

/// A batch that has one of its two gradients.
struct Waiting<B> {
    batch: B,
    /// Where the generator of the model's device was before the first pass.
    random: Option<Generator>,
    /// Of the gradient.
    norm: DualNorm,
    loss: f64,
}

impl<M, B, E> SideBySide<M, B, E>
where
    M: TensorCollection<E, Cpu, To<E, Cpu> = M> + Clone + Send,
    B: Twin,
    E: Dtype,
    Cpu: Device<E>,
{
    /// SAMPa in the neighbourhood `||e||_2 <= rho`. Its authors' rho is 0.1.
    pub fn new(rho: f64, method: Sampa) -> Self {
        Self {
            rho,
            norm: Norm::L2,
            method,
            is_at_once: true,
            pools: Pools::default(),
            space: None,
            waiting: None,
        }
    }

    /// Bounds the perturbation in another norm.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// The same gradients, to the bit, each on all threads.
    #[must_use]
    pub fn one_after_the_other(mut self) -> Self {
        self.is_at_once = false;
        self
    }

    /// Another radius, from the next step on.
    pub fn set_rho(&mut self, rho: f64) {
        self.rho = rho;
    }

    /// Another learning rate, from the next step on: that of the optimizer.
    pub fn set_lr(&mut self, lr: f64) {
        self.method.lr = lr;
    }

    /// The loss of the last batch at `y`; `None` before the first one, and after [`finish`](Self::finish).
    pub fn loss(&self) -> Option<f64> {
        self.waiting.as_ref().map(|waiting| waiting.loss)
    }

    /// Takes the first gradient of `batch` and, at once, the second one of the batch before it. Returns what the
    /// update of `model` takes, which is to come before the next step; `None` for the first batch. `loss` computes the
    /// scalar loss of a batch with a tape that starts from the gradients it is given.
    ///
    /// Both passes over a batch draw the same on the devices of the model and of the batch; running statistics
    /// advance in the first one. The [report](StepReport) is of the batch that has its second gradient now.
    ///
    /// # Errors
    /// See [`StepError`]; `model` is then as it was, and the next batch is a first one.
    pub fn step<L>(
        &mut self,
        model: &mut M,
        batch: B,
        loss: impl Fn(&mut M, B, Gradients<E, Cpu>) -> L + Sync,
    ) -> Result<Option<&mut Gradients<E, Cpu>>, StepError>
    where
        L: Backward<E, Cpu, Err = <Cpu as HasErr>::Err> + LossValue,
    {
        let (vectors, ids) = self.check(model)?;
        let device = vectors.device.clone().unwrap_or_default();
        let (mut space, before) = match self.space.take().filter(|space| space.ids == ids) {
            Some(space) => (space, self.waiting.take()),
            None => (Space::of(model, ids).map_err(StepError::device)?, None),
        };
        self.waiting = None;
        let random = generator(&device);
        let later = batch.twin(&mut Twins::with(&device, &space.device));
        let mut y = model.clone();
        let (first, second) = match before {
            None => {
                let start = space.start_at_y(model).map_err(StepError::device)?;
                (pass(&loss, &mut y, batch, start), None)
            }
            Some(before) => {
                let radius = (before.norm.clone(), self.rho);
                space
                    .climb(model, &vectors, radius, before.random.as_ref())
                    .and_then(|()| space.go_on(&mut y, model, &vectors, self.method.lr))
                    .map_err(StepError::device)?;
                let start = space.start_at_y(model).map_err(StepError::device)?;
                let start_ahead = space.start_ahead().map_err(StepError::device)?;
                let ahead = &mut space.ahead;
                let first = || pass(&loss, &mut y, batch, start);
                let second = || pass(&loss, ahead, before.batch, start_ahead);
                let (first, second) = match self.is_at_once {
                    true => self.pools.at_once(first, second),
                    false => (first(), second()),
                };
                (first, Some((second?, before.norm, before.loss)))
            }
        };
        let Passed { gradient, loss } = first?;
        space.at_y = gradient;
        let norm = vectors
            .dual_norm(model, &mut space.at_y, self.norm, None)
            .map_err(StepError::device)?;
        finite(&norm, Pass::Clean)?;
        let has_update = second.is_some();
        if let Some((passed, norm, clean)) = second {
            let perturbed = passed.loss;
            self.take(&mut space, passed, model, &vectors)?;
            space
                .mix(model, &vectors, self.method.lambda)
                .map_err(StepError::device)?;
            self.report(norm, clean, perturbed);
        }
        space.arrive(model, &y).map_err(StepError::device)?;
        self.waiting = Some(Waiting {
            batch: later,
            random,
            norm,
            loss,
        });
        let space = self.space.insert(space);
        Ok(has_update.then_some(&mut space.update))
    }

    /// Takes the second gradient of the last batch, which is what the last update of `model` takes; `None` where no
    /// batch waits for one. The next batch is then a first one. To be called before a checkpoint, and at the end.
    ///
    /// # Errors
    /// See [`StepError`]; `model` is as it was.
    pub fn finish<L>(
        &mut self,
        model: &mut M,
        loss: impl Fn(&mut M, B, Gradients<E, Cpu>) -> L,
    ) -> Result<Option<&mut Gradients<E, Cpu>>, StepError>
    where
        L: Backward<E, Cpu, Err = <Cpu as HasErr>::Err> + LossValue,
    {
        let (vectors, ids) = self.check(model)?;
        let space = self.space.take().filter(|space| space.ids == ids);
        let (Some(mut space), Some(before)) = (space, self.waiting.take()) else {
            return Ok(None);
        };
        let radius = (before.norm.clone(), self.rho);
        space
            .climb(model, &vectors, radius, before.random.as_ref())
            .map_err(StepError::device)?;
        let start = space.start_ahead().map_err(StepError::device)?;
        let passed = pass(&loss, &mut space.ahead, before.batch, start)?;
        let perturbed = passed.loss;
        self.take(&mut space, passed, model, &vectors)?;
        self.report(before.norm, before.loss, perturbed);
        // What the model has besides tensors may change before it is trained again.
        space.ids.clear();
        Ok(Some(&mut self.space.insert(space).update))
    }

    /// Checks the settings; the operations for the model's vectors, and its parameters.
    fn check(&self, model: &M) -> Result<(ModelVectors<E, Cpu>, Vec<UniqueId>), StepError> {
        if !(self.rho.is_finite() && self.rho >= 0.0) {
            return Err(StepError::Rho(self.rho));
        }
        self.method.check(self.norm).map_err(StepError::Method)?;
        let vectors = ModelVectors::of(model, On::All)?;
        Ok((vectors, parameter_ids(model).map_err(StepError::device)?))
    }

    /// Takes the gradient of a perturbed pass.
    fn take(
        &self,
        space: &mut Space<M, E>,
        passed: Passed<E>,
        model: &M,
        vectors: &ModelVectors<E, Cpu>,
    ) -> Result<(), StepError> {
        space
            .take(passed.gradient, model)
            .map_err(StepError::device)?;
        let norm = vectors
            .dual_norm(model, &mut space.update, self.norm, None)
            .map_err(StepError::device)?;
        finite(&norm, Pass::Perturbed)
    }

    fn report(&self, norm: DualNorm, clean: f64, perturbed: f64) {
        publish(StepReport {
            rho: self.rho,
            chunks: 1,
            gradients: 2.0,
            method: "Sampa".into(),
            clean: vec![(1.0, Box::new(move || clean))],
            perturbed: vec![(1.0, Box::new(move || perturbed))],
            norms: vec![(norm, 1.0)],
            ..StepReport::default()
        });
    }
}

fn finite(norm: &DualNorm, pass: Pass) -> Result<(), StepError> {
    let norm = norm.value();
    match norm.is_finite() {
        true => Ok(()),
        false => Err(StepError::NonFinite { pass, norm }),
    }
}
