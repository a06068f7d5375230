//! Functions that a user's loop calls.

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::models::{Loss, Tape32};

#[derive(Debug, Clone, PartialEq)]
pub enum TrainError {
    Bad(usize),
    Stopped,
    Update,
    Device,
    Step,
}

impl From<CpuError> for TrainError {
    fn from(_: CpuError) -> Self {
        Self::Device
    }
}

impl<E> From<dfdx::optim::OptimizerUpdateError<E>> for TrainError {
    fn from(_: dfdx::optim::OptimizerUpdateError<E>) -> Self {
        Self::Update
    }
}

impl From<sam_runtime::StepError> for TrainError {
    fn from(_: sam_runtime::StepError) -> Self {
        Self::Step
    }
}

/// A tensor times a number.
pub fn softened<S: Shape, T: Tape<f32, Cpu>>(
    t: Tensor<S, f32, Cpu, T>,
    weight: f32,
) -> Tensor<S, f32, Cpu, T> {
    t * (0.5 + 0.5 * weight)
}

pub fn fallible<S: Shape, T: Tape<f32, Cpu>>(
    t: Tensor<S, f32, Cpu, T>,
    fails: bool,
) -> Result<Tensor<S, f32, Cpu, T>, TrainError> {
    if fails {
        Err(TrainError::Bad(1))
    } else {
        Ok(t)
    }
}

pub fn maybe<S: Shape, T: Tape<f32, Cpu>>(
    t: Tensor<S, f32, Cpu, T>,
    there: bool,
) -> Option<Tensor<S, f32, Cpu, T>> {
    there.then_some(t)
}

pub fn even(i: usize) -> Result<usize, TrainError> {
    if i == 3 {
        Err(TrainError::Bad(i))
    } else {
        Ok(i / 2)
    }
}

pub fn criterion<S: Shape>(
    logits: Tensor<S, f32, Cpu, Tape32>,
    labels: Tensor<S, f32, Cpu>,
) -> Loss {
    mse_loss(logits, labels) * 1.5
}

pub fn forward<M, I>(model: &mut M, x: I) -> M::Output
where
    M: ModuleMut<I>,
{
    model.forward_mut(x)
}

pub fn loss_of<M, I, S: Shape>(model: &mut M, x: I, labels: Tensor<S, f32, Cpu>) -> Loss
where
    M: ModuleMut<I, Output = Tensor<S, f32, Cpu, Tape32>>,
{
    cross_entropy_with_logits_loss(model.forward_mut(x), labels)
}

/// A helper that traces inside.
pub fn predict<M, I>(model: &mut M, x: &I, grads: Gradients<f32, Cpu>) -> M::Output
where
    I: Trace<f32, Cpu>,
    M: ModuleMut<I::Traced>,
{
    model.forward_mut(x.trace(grads))
}

/// The share of rows whose largest logit is the label's.
pub fn accuracy<S: Shape, T>(logits: &Tensor<S, f32, Cpu, T>, labels: &Tensor<S, f32, Cpu>) -> f32 {
    let best = |row: &[f32]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let (logits, labels) = (logits.as_vec(), labels.as_vec());
    let rows = logits.chunks(3).zip(labels.chunks(3));
    let right = rows.filter(|(a, b)| best(a) == best(b)).count();
    right as f32 / (logits.len() / 3) as f32
}

/// A loss and what is reported with it.
pub struct Outputs<T: Tape<f32, Cpu>> {
    pub loss: Tensor<Rank0, f32, Cpu, T>,
    pub accuracy: f32,
}

pub fn evaluated<S: Shape, T: Tape<f32, Cpu>>(
    logits: Tensor<S, f32, Cpu, T>,
    labels: Tensor<S, f32, Cpu>,
    by: f32,
) -> Outputs<T> {
    let accuracy = accuracy(&logits, &labels);
    Outputs {
        loss: mse_loss(logits, labels) * by,
        accuracy,
    }
}

pub fn loss_and_accuracy<S: Shape, T: Tape<f32, Cpu>>(
    logits: Tensor<S, f32, Cpu, T>,
    labels: Tensor<S, f32, Cpu>,
) -> (Tensor<Rank0, f32, Cpu, T>, f32) {
    let accuracy = accuracy(&logits, &labels);
    (mse_loss(logits, labels), accuracy)
}

/// A batch as it is read from somewhere: the fourth can't be.
pub fn load<B>(batch: B, i: usize) -> Result<B, TrainError> {
    if i == 3 {
        Err(TrainError::Bad(i))
    } else {
        Ok(batch)
    }
}
