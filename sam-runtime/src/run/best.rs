//! The best model of a run, for whoever predicts with it.

use std::path::Path;

use dfdx::{prelude::*, tensor_ops::Device};

use super::{
    checkpoint::{CheckpointError, CheckpointStore},
    start::CHECKPOINTS,
};

/// The model of a run's best checkpoint, ready to predict: built on `dev`, with the tensors that its score was found with, and
/// so with the mean of the weights where the run keeps and [evaluates](super::Run::evaluated) one. `out` is the run's folder.
///
/// The run must say what is best, as by `checkpoints.best = { on = "accuracy", goal = "highest" }`; then it keeps that
/// checkpoint beside the last ones. [`CheckpointStore::best`] gives the checkpoint itself, with its step and score.
///
/// ```no_run
/// use sam_runtime::{dfdx::prelude::*, run::best_model};
///
/// type Net = (Linear<784, 256>, ReLU, Linear<256, 10>);
///
/// let dev = Cpu::default();
/// let model = best_model::<Net, f32, _>("runs/mnist", &dev)?;
/// let logits = model.forward(dev.zeros::<Rank1<784>>());
/// # Ok::<(), sam_runtime::run::checkpoint::CheckpointError>(())
/// ```
///
/// # Errors
/// [`CheckpointError::NoScore`] where no checkpoint has a score. Else see [`CheckpointStore::best_model`].
pub fn best_model<Net, E, D>(out: impl AsRef<Path>, dev: &D) -> Result<Net::Built, CheckpointError>
where
    E: Dtype,
    D: Device<E>,
    Net: BuildOnDevice<D, E>,
    Net::Built: TensorCollection<E, D>,
{
    CheckpointStore::open(out.as_ref().join(CHECKPOINTS))?.best_model::<Net, E, D>(dev)
}
