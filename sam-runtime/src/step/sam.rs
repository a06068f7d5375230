//! The step as an ordinary function.

use dfdx::{prelude::*, tensor::Gradients};

use super::{
    Batch, NonFinite, On, ParallelSam, Settings, SharedSam, Step, StepError, When, methods::Method,
    split::chunk_rows,
};
use crate::device::Norm;

/// Sharpness-Aware Minimization for loops that the attribute can't read: the same step, as a
/// function that takes the forward pass and the loss as a closure.
///
/// ```
/// use sam_runtime::{Sam, dfdx::{prelude::*, optim::{Sgd, SgdConfig}}};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 2>), f32>();
/// let mut opt = Sgd::new(&model, SgdConfig::default());
/// let mut grads = model.alloc_grads();
/// let sam = Sam::new(0.05);
/// let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
/// let y: Tensor<Rank2<16, 2>, f32, _> = dev.sample_normal();
///
/// grads = sam.step(&mut model, (x, y), grads, |model, (x, y), grads| {
///     mse_loss(model.forward_mut(x.traced(grads)), y)
/// })?;
/// opt.update(&mut model, &grads).unwrap();
/// model.zero_grads(&mut grads);
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sam {
    pub(super) settings: Settings,
}

impl Sam {
    /// SAM in the neighbourhood `||e||_2 <= rho`. The paper calls 0.05 a solid default; rho = 0 is
    /// the base optimizer.
    pub fn new(rho: f64) -> Self {
        Self {
            settings: Settings::new(rho, Norm::L2),
        }
    }

    /// Bounds the perturbation in another norm.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.settings.norm = norm;
        self
    }

    /// Climbs in another way: see [`methods`](super::methods).
    #[must_use]
    pub fn method(mut self, method: impl Method + 'static) -> Self {
        self.settings = self.settings.method(method);
        self
    }

    /// Perturbs these parameters alone, as in `on(On::Norm)`, or by their names.
    #[must_use]
    pub fn on(mut self, on: impl Into<On>) -> Self {
        self.settings = self.settings.on(on);
        self
    }

    /// Which steps are SAM's; the others are the base optimizer's.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.settings = self.settings.when(when);
        self
    }

    /// What a NaN or infinite gradient does.
    #[must_use]
    pub fn nonfinite(mut self, nonfinite: NonFinite) -> Self {
        self.settings.nonfinite = nonfinite;
        self
    }

    /// Bounds the norm of the final gradient, the starting gradients included; see [`Clip`](super::Clip).
    #[must_use]
    pub fn clip(mut self, norm: f64) -> Self {
        self.settings = self.settings.clip(norm);
        self
    }

    /// Bounds each element of the final gradient; see [`Clip`](super::Clip).
    #[must_use]
    pub fn clip_value(mut self, value: f64) -> Self {
        self.settings = self.settings.clip_value(value);
        self
    }

    /// Leaves the parameters of these names (dfdx's, such as `0.weight`) where they are in the ascent, and
    /// out of its norm: those that the optimizer leaves alone as well. Without it all are perturbed that
    /// have a gradient, as by PyTorch's SAM classes, to which parameters without `requires_grad` have none.
    ///
    /// ```
    /// use sam_runtime::{Sam, dfdx::prelude::*};
    ///
    /// let dev = Cpu::default();
    /// let mut model = dev.build_module::<(Linear<4, 8>, Linear<8, 2>), f32>();
    /// let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
    /// let grads = model.alloc_grads();
    /// let sam = Sam::new(0.05).frozen(|name| name.starts_with("0."));
    /// let grads = sam.step(&mut model, x, grads, |model, x, grads| {
    ///     model.forward_mut(x.traced(grads)).square().mean()
    /// })?;
    /// # Ok::<(), sam_runtime::StepError>(())
    /// ```
    #[must_use]
    pub fn frozen(mut self, is_frozen: fn(&str) -> bool) -> Self {
        self.settings = self.settings.frozen(is_frozen);
        self
    }

    /// One step with one perturbation for the whole batch. `loss` computes the scalar loss of a
    /// batch with a tape that starts from the gradients it is given; it runs twice: on `model`, and on a
    /// perturbed copy. Returns `start` plus the SAM gradient.
    ///
    /// # Errors
    /// See [`StepError`]; `model` is then as it was.
    pub fn step<M, E, D, B, L>(
        &self,
        model: &mut M,
        batch: B,
        start: Gradients<E, D>,
        mut loss: impl FnMut(&mut M, B, Gradients<E, D>) -> L,
    ) -> Result<Gradients<E, D>, StepError>
    where
        M: TensorCollection<E, D> + Clone,
        E: Dtype,
        D: Device<E>,
        B: Clone,
        L: Backward<E, D, Err = D::Err> + LossValue,
    {
        let mut step = Step::begin(model, M::clone, self.settings.clone(), BY_HAND);
        let start = step.start(start);
        step.mark(0, 0);
        let clean = match step.first_model(model) {
            None => loss(model, batch.clone(), start),
            Some(mut first) => {
                let clean = loss(&mut first, batch.clone(), start);
                step.advanced(&first, 0);
                step.write_back(model);
                clean
            }
        };
        replays(&mut step, clean, 0, |copy, start| {
            loss(copy, batch.clone(), start)
        });
        step.finish(Some(model)).map_err(StepError::from)
    }

    /// The same with a perturbation for every `M` samples of a batch (m-sharpness).
    ///
    /// ```
    /// use sam_runtime::{Sam, dfdx::prelude::*};
    ///
    /// let dev = Cpu::default();
    /// let mut model = dev.build_module::<Linear<4, 2>, f32>();
    /// let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
    /// let grads = model.alloc_grads();
    /// let sam = Sam::new(0.05).chunked::<4>();
    /// let grads = sam.step(&mut model, x, grads, |model, x, grads| {
    ///     model.forward_mut(x.traced(grads)).square().mean()
    /// })?;
    /// # Ok::<(), sam_runtime::StepError>(())
    /// ```
    pub fn chunked<const M: usize>(self) -> ChunkedSam<M> {
        const { assert!(M > 0, "a chunk has at least one sample") };
        ChunkedSam { sam: self }
    }

    /// The same with a clean pass that runs on the first samples alone: on this share of the batch, above 0 and up to 1,
    /// which costs `1 + share` gradients. For methods whose update takes nothing of the clean gradient.
    ///
    /// ```
    /// use sam_runtime::{Sam, dfdx::prelude::*};
    ///
    /// let dev = Cpu::default();
    /// let mut model = dev.build_module::<Linear<4, 2>, f32>();
    /// let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
    /// let grads = model.alloc_grads();
    /// let sam = Sam::new(0.05).ascent(0.25);
    /// let grads = sam.step(&mut model, x, grads, |model, x: Tensor<(usize, Const<4>), f32, _>, grads| {
    ///     model.forward_mut(x.traced(grads)).square().mean()
    /// })?;
    /// # Ok::<(), sam_runtime::StepError>(())
    /// ```
    pub fn ascent(self, share: f64) -> SharedSam {
        SharedSam { sam: self, share }
    }
}

/// [`Sam`] with a perturbation for every `M` samples of a batch: see [`Sam::chunked`].
#[derive(Clone, Debug)]
pub struct ChunkedSam<const M: usize> {
    pub(super) sam: Sam,
}

impl<const CHUNK: usize> ChunkedSam<CHUNK> {
    /// The same with the chunks at once, on all threads of rayon's pool: see [`ParallelSam`].
    #[must_use]
    pub fn parallel(self) -> ParallelSam<CHUNK> {
        ParallelSam { chunked: self }
    }

    /// One step, as [`Sam::step`]: `loss` gets the chunks of the batch, one after the other. The
    /// result is the mean over the chunks, weighted by their size. A batch of static size must be
    /// a multiple of the chunk's; one of dynamic size gets a smaller last chunk. At rho = 0 the result is the
    /// mean of the chunks' plain gradients.
    ///
    /// # Errors
    /// See [`StepError`]; `model` is then as it was.
    pub fn step<M, E, D, B, L>(
        &self,
        model: &mut M,
        batch: B,
        start: Gradients<E, D>,
        mut loss: impl FnMut(&mut M, B::Chunk, Gradients<E, D>) -> L,
    ) -> Result<Gradients<E, D>, StepError>
    where
        M: TensorCollection<E, D> + Clone,
        E: Dtype,
        D: Device<E>,
        B: Batch<CHUNK>,
        L: Backward<E, D, Err = D::Err> + LossValue,
    {
        let rows = chunk_rows(batch.rows().unwrap_or(0), CHUNK);
        let chunks = batch.split(&rows)?;
        let mut step = Step::begin(model, M::clone, self.sam.settings.clone(), BY_HAND);
        step.cut(&rows);
        step.keep(start);
        for (i, chunk) in chunks.into_iter().enumerate() {
            let mut clean_model = step.chunk_model(model, i);
            let start = step.clean_start();
            step.mark(0, i);
            let clean = loss(&mut clean_model, chunk.clone(), start);
            step.advanced(&clean_model, i);
            drop(clean_model);
            replays(&mut step, clean, i, |copy, start| {
                loss(copy, chunk.clone(), start)
            });
        }
        step.write_back(model);
        step.finish(Some(model)).map_err(StepError::from)
    }
}

/// What steps by hand are called, which all look alike.
pub(super) const BY_HAND: &str = "Sam::step";

/// What follows the clean pass over a chunk, with this loss: `again` is the pass over a perturbed model.
pub(super) fn replays<M, E, D, L>(
    step: &mut Step<M, E, D>,
    clean: L,
    chunk: usize,
    mut again: impl FnMut(&mut M, Gradients<E, D>) -> L,
) where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
    L: Backward<E, D, Err = D::Err> + LossValue,
{
    step.note_loss(clean.lazy(), chunk, false);
    let mut next = climbed(step, clean, chunk);
    while let Some(mut copy) = next {
        step.rewind(0, chunk);
        let start = step.again();
        let perturbed = again(&mut copy, start);
        next = absorb(step, &copy, perturbed, chunk);
    }
}

/// The model at `w + e`, from the loss of a clean pass.
fn climbed<M, E, D, L>(step: &mut Step<M, E, D>, clean: L, chunk: usize) -> Option<M>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
    L: Backward<E, D, Err = D::Err>,
{
    match clean.try_backward() {
        Ok(gradients) => step.climb(gradients, chunk),
        Err(error) => {
            step.fail_backward(error);
            None
        }
    }
}

/// Takes the gradient at `w + e`, from the loss there.
fn absorb<M, E, D, L>(step: &mut Step<M, E, D>, copy: &M, perturbed: L, chunk: usize) -> Option<M>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
    L: Backward<E, D, Err = D::Err> + LossValue,
{
    step.note_loss(perturbed.lazy(), chunk, true);
    match perturbed.try_backward() {
        Ok(gradients) => step.absorb(copy, gradients, chunk),
        Err(error) => {
            step.fail_backward(error);
            None
        }
    }
}

/// A loss whose value a report can read.
pub trait LossValue {
    /// A reader of the value that keeps the tape out.
    fn lazy(&self) -> Box<dyn Fn() -> f64>;
}

impl<E: Dtype, D: Storage<E>, T> LossValue for Tensor<Rank0, E, D, T> {
    fn lazy(&self) -> Box<dyn Fn() -> f64> {
        let value = self.retaped::<NoneTape>();
        Box::new(move || value.as_vec()[0].to_f64().unwrap_or(f64::NAN))
    }
}

#[cfg(all(test, feature = "f16"))]
mod f16_tests {
    use dfdx::dtypes::{AMP, f16};

    use super::*;

    /// One SAM gradient of a linear layer whose weights and data are simple fractions.
    fn gradient<E: Dtype>() -> Vec<f64>
    where
        Cpu: Device<E>,
        Linear<3, 2>: BuildOnDevice<Cpu, E, Built = dfdx::nn::modules::Linear<3, 2, E, Cpu>>,
        dfdx::nn::modules::Linear<3, 2, E, Cpu>: TensorCollection<E, Cpu>
            + ModuleMut<
                Tensor<Rank2<4, 3>, E, Cpu, OwnedTape<E, Cpu>>,
                Output = Tensor<Rank2<4, 2>, E, Cpu, OwnedTape<E, Cpu>>,
            >,
    {
        let dev = Cpu::default();
        let number = |i: usize| E::from_f64((i % 7) as f64 / 4.0 - 0.75).unwrap();
        let mut model = dev.build_module::<Linear<3, 2>, E>();
        model
            .weight
            .copy_from(&std::array::from_fn::<_, 6, _>(number));
        model.bias.copy_from(&[number(1), number(5)]);
        let x: Tensor<Rank2<4, 3>, E, Cpu> =
            dev.tensor_from_vec((0..12).map(number).collect(), Default::default());
        let start = model.alloc_grads();
        let grads = Sam::new(0.5)
            .step(&mut model, x, start, |model, x, grads| {
                model.forward_mut(x.traced(grads)).square().mean()
            })
            .unwrap();
        let gradient = grads.get(&model.weight).as_vec();
        gradient.into_iter().map(|g| g.to_f64().unwrap()).collect()
    }

    #[test]
    fn half_precision_gives_the_gradient_of_single_precision() {
        let expected = gradient::<f32>();
        for found in [gradient::<f16>(), gradient::<AMP<f16>>()] {
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 5e-3 * b.abs().max(1.0), "{a} {b}");
            }
        }
    }
}
