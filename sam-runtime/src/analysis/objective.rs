//! The loss over a whole data set, as a function of the weights: what all measures of its shape ask.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use rand_chacha::ChaCha12Rng;

use super::vectors::{Arithmetic, generator};
use crate::{
    device::Moment,
    step::{LossValue, SplitBatch, StepError},
};

/// The mean loss of a model over batches, at its weights and around them. Each measure runs over all batches as often
/// as it says; the model is not changed, and its generator draws what it drew before: a model with dropout has the
/// same masks at all points.
///
/// `batches` is asked for the batches of each pass, and must give the same ones; a batch counts by its rows, one
/// without rows by 1. `loss`, a mean over the rows, is as for [`Sam::step`](crate::Sam::step); it says whether
/// normalisation goes by the batch (`forward_mut`) or by running statistics.
///
/// ```
/// use sam_runtime::{analysis::Objective, dfdx::prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let model = dev.build_module::<Linear<3, 2>, f64>();
/// let batches = [(); 4].map(|()| (dev.sample_normal(), dev.sample_normal()));
/// let mut objective = Objective::new(
///     &model,
///     || batches.clone(),
///     |model: &mut _, (x, y): (Tensor<Rank2<8, 3>, f64, Cpu>, Tensor<Rank2<8, 2>, f64, Cpu>), grads| {
///         # let model: &mut dfdx::nn::modules::Linear<3, 2, f64, Cpu> = model;
///         mse_loss(model.forward_mut(x.traced(grads)), y)
///     },
/// )?;
/// assert!(objective.loss()? > 0.0);
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
pub struct Objective<'a, M, E: Dtype, D: Device<E>, Data, Loss> {
    pub(super) model: M,
    data: Data,
    loss: Loss,
    pub(super) arithmetic: Arithmetic<E, D>,
    /// Between the gradients whose difference is a product with the Hessian, half of it, if the user has said so.
    distance: Option<f64>,
    /// The gradient at the weights, once it was asked for.
    here: Option<Gradients<E, D>>,
    /// Where the generator of the model's device is.
    random: Moment,
    refresh: Option<Refresh<'a, M>>,
    progress: Option<Progress<'a>>,
    /// Passes over the data that this measure has made, and that it makes at most.
    passes: (usize, usize),
}

/// Where the changes of a gradient to both sides differ by more than this share of them, it jumps.
const JUMP: f64 = 1e-2;

/// What may be lost of a gradient by rounding, as a share of it.
const ROUNDING: f64 = 1e-5;

type Refresh<'a, M> = Box<dyn FnMut(&mut M) + 'a>;
type Progress<'a> = Box<dyn FnMut(usize, usize) + 'a>;

impl<'a, M, E, D, Data, Loss, Batches, B, L> Objective<'a, M, E, D, Data, Loss>
where
    M: TensorCollection<E, D> + Clone,
    E: Dtype,
    D: Device<E>,
    Data: FnMut() -> Batches,
    Batches: IntoIterator<Item = B>,
    B: SplitBatch<1>,
    Loss: FnMut(&mut M, B, Gradients<E, D>) -> L,
    L: Backward<E, D, Err = D::Err> + LossValue,
{
    /// The loss of `model`, which is copied.
    ///
    /// # Errors
    /// [`StepError::Unsupported`] for element types and devices that SAM can't run on.
    pub fn new(model: &M, batches: Data, loss: Loss) -> Result<Self, StepError> {
        let arithmetic = Arithmetic::of(model)?;
        Ok(Self {
            random: Moment::now(&arithmetic.device()),
            model: model.clone(),
            distance: None,
            here: None,
            data: batches,
            loss,
            arithmetic,
            refresh: None,
            progress: None,
            passes: (0, 0),
        })
    }

    /// Takes the gradients of a product with the Hessian at this distance to both sides of the weights; see
    /// [`hessian_vector_product`](Self::hessian_vector_product).
    #[must_use]
    pub fn distance(self, distance: f64) -> Self {
        Self {
            distance: Some(distance),
            ..self
        }
    }

    /// Has `refresh` prepare the copy of the model at each point: for a loss by running statistics, it runs the
    /// training data through `forward_mut`, so that they are those of the point.
    #[must_use]
    pub fn refresh(mut self, refresh: impl FnMut(&mut M) + 'a) -> Self {
        self.refresh = Some(Box::new(refresh));
        // It was that of another loss.
        self.here = None;
        self
    }

    /// Tells `progress`, after each pass over the data, how many of a measure's passes are done, and how many there
    /// are at most.
    #[must_use]
    pub fn progress(mut self, progress: impl FnMut(usize, usize) + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// The mean loss at the weights. One pass.
    ///
    /// # Errors
    /// [`StepError::Empty`] where there are no samples; [`StepError::Device`].
    pub fn loss(&mut self) -> Result<f64, StepError> {
        self.begin(1);
        self.loss_at(None)
    }

    /// The mean loss at the weights and its gradient. One pass.
    ///
    /// # Errors
    /// See [`loss`](Self::loss).
    pub fn gradient(&mut self) -> Result<(f64, Gradients<E, D>), StepError> {
        self.begin(1);
        self.gradient_at(None)
    }

    /// The product of the Hessian at the weights and `v`, by the central difference of two gradients, whose
    /// distance is ten times the root of the precision of the elements: 1.5e-7 to each side in f64, 3e-3 in f32. Two passes.
    ///
    /// Where the loss is smooth, rounding costs some 1e-9 of the gradient in f64, and 1e-4 in f32. A network with ReLU is
    /// not: a product has what the gradient's jumps between both sides add to it. In f64 such a jump is noticed, since the
    /// gradient then changes more on one side than on the other, and is gone around by going closer (two passes more), so that the
    /// Hessian is the one that a program finds which takes derivatives of derivatives. In f32 there is no closer: the large
    /// eigenvalues come out within some percent, while the jumps can outweigh the small ones, and with them trace and
    /// density. Measure `model.to_dtype::<f64>()` instead. A [`distance`](Self::distance) of a rho shows the curvature on
    /// its scale.
    ///
    /// # Errors
    /// See [`loss`](Self::loss).
    pub fn hessian_vector_product(
        &mut self,
        v: &Gradients<E, D>,
    ) -> Result<Gradients<E, D>, StepError> {
        self.begin(2);
        self.product(&mut v.clone())
    }

    /// Begins with a measure of at most so many passes.
    pub(super) fn begin(&mut self, passes: usize) {
        self.passes = (0, passes);
    }

    /// `H v`, without a count of its own.
    pub(super) fn product(
        &mut self,
        v: &mut Gradients<E, D>,
    ) -> Result<Gradients<E, D>, StepError> {
        let length = self.arithmetic.length(&self.model, v)?;
        if length == 0.0 {
            return self.arithmetic.zeros(&self.model);
        }
        if let Some(distance) = self.distance {
            return Ok(self.difference(v, length, distance)?.0);
        }
        let epsilon = self.arithmetic.epsilon();
        let mut distance = 10.0 * epsilon.sqrt();
        let mut first = None;
        loop {
            let (product, has_jump) = self.difference(v, length, distance)?;
            if !has_jump {
                return Ok(product);
            }
            // The weights may lie where the gradient jumps, and the closer, the more a jump is.
            let kept = first.get_or_insert(product);
            distance /= 10.0;
            if distance * ROUNDING < epsilon {
                return Ok(std::mem::replace(kept, Gradients::leaky()));
            }
        }
    }

    /// The difference of the gradients at this distance to both sides along `v`, over the distance; and whether the gradient
    /// jumps between them: then it doesn't change alike on both sides.
    fn difference(
        &mut self,
        v: &mut Gradients<E, D>,
        length: f64,
        distance: f64,
    ) -> Result<(Gradients<E, D>, bool), StepError> {
        let mut here = match self.here.take() {
            Some(here) => here,
            None => self.gradient_at(None)?.1,
        };
        let mut up = self.gradient_towards(v, distance / length)?;
        let mut down = self.gradient_towards(v, -distance / length)?;
        let (model, by) = (&self.model, &self.arithmetic);
        let mut bend = up.clone();
        by.combine(model, 1.0, &mut bend, 1.0, &mut down)?;
        by.combine(model, 1.0, &mut bend, -2.0, &mut here)?;
        by.combine(model, 1.0, &mut up, -1.0, &mut down)?;
        let (bend, change) = (by.length(model, &mut bend)?, by.length(model, &mut up)?);
        let noise = 1e3 * by.epsilon() * by.length(model, &mut here)?;
        by.scale(model, &mut up, length / (2.0 * distance))?;
        self.here = Some(here);
        Ok((up, bend > noise.max(JUMP * change)))
    }

    /// The gradient at `w + by v`.
    fn gradient_towards(
        &mut self,
        v: &mut Gradients<E, D>,
        by: f64,
    ) -> Result<Gradients<E, D>, StepError> {
        let mut e = self.arithmetic.zeros(&self.model)?;
        self.arithmetic.combine(&self.model, 0.0, &mut e, by, v)?;
        Ok(self.gradient_at(Some(&mut e))?.1)
    }

    /// The mean loss at `w + e`.
    pub(super) fn loss_at(&mut self, e: Option<&mut Gradients<E, D>>) -> Result<f64, StepError> {
        self.run(e, false).map(|(loss, _)| loss)
    }

    /// The mean loss at `w + e`, and its gradient.
    pub(super) fn gradient_at(
        &mut self,
        e: Option<&mut Gradients<E, D>>,
    ) -> Result<(f64, Gradients<E, D>), StepError> {
        self.run(e, true)
    }

    /// A pass over the data.
    fn run(
        &mut self,
        e: Option<&mut Gradients<E, D>>,
        with_gradient: bool,
    ) -> Result<(f64, Gradients<E, D>), StepError> {
        let after = self.random.restore();
        let run = self.run_drawing(e, with_gradient);
        after.restore();
        self.passes.0 += 1;
        if let Some(progress) = &mut self.progress {
            progress(self.passes.0, self.passes.1.max(self.passes.0));
        }
        run
    }

    fn run_drawing(
        &mut self,
        e: Option<&mut Gradients<E, D>>,
        with_gradient: bool,
    ) -> Result<(f64, Gradients<E, D>), StepError> {
        let mut at = self.arithmetic.displaced(&self.model, e)?;
        if let Some(refresh) = &mut self.refresh {
            refresh(&mut at);
        }
        let mut gradient = self.arithmetic.zeros(&self.model)?;
        let (mut loss, mut count) = (0.0, 0.0);
        for batch in (self.data)() {
            let samples = batch.rows().unwrap_or(1) as f64;
            let start = self.arithmetic.zeros(&self.model)?;
            // A copy: a pass may advance running statistics.
            let value = (self.loss)(&mut at.clone(), batch, start);
            loss += samples * value.lazy()();
            count += samples;
            if with_gradient {
                let mut found = value.try_backward().map_err(StepError::device)?;
                self.arithmetic
                    .combine(&self.model, 1.0, &mut gradient, samples, &mut found)?;
            }
        }
        if count == 0.0 {
            return Err(StepError::Empty);
        }
        self.arithmetic
            .scale(&self.model, &mut gradient, 1.0 / count)?;
        Ok((loss / count, gradient))
    }

    /// Does something with the model, its batches and the loss; draws nothing that later passes would miss.
    pub(super) fn batches_by<R>(&mut self, act: impl FnOnce(&M, Batches, &mut Loss) -> R) -> R {
        let after = self.random.restore();
        let result = act(&self.model, (self.data)(), &mut self.loss);
        after.restore();
        result
    }

    /// A vector of numbers that are drawn one by one, by the number of the parameter.
    pub(super) fn drawn(
        &self,
        seed: u64,
        stream: u64,
        draw: impl FnMut(&mut ChaCha12Rng) -> f64,
    ) -> Result<Gradients<E, D>, StepError> {
        self.arithmetic
            .drawn(&self.model, &mut generator(seed, stream), draw)
    }
}
