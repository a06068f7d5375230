//! A network with all that predicting takes.

use std::{fmt::Debug, marker::PhantomData, path::Path, sync::Arc};

use dfdx::{
    nn::{BuildOnDevice, Module, tensor_collection::TensorCollection},
    prelude::Device,
    tensor::Cpu,
};

use super::{Description, Input, Outputs, PredictError, Prediction, describe, input::BatchOf};
use crate::{
    data::{BatchShape, DataError},
    nn::weights::{self, LoadOptions},
};

/// A trained network with all that predicting takes: what is done to its inputs, and the names of its classes.
///
/// `Net` is the network's type, as `build_module` takes it. `S` is what it predicts from ([`Input`]): `Rank3<C, H, W>` for pictures
/// (`picture`, `pictures`, with the feature `image`), `Rank1<F>` for rows of a table (`row`, `fields`, `rows`, with the feature `table`), and where it is
/// left out, tensors ([`tensor`](Self::tensor)).
///
/// It evaluates: no dropout, batch normalization by running statistics. It doesn't change, so threads may share one.
///
/// ```no_run
/// # #[cfg(not(feature = "image"))] fn main() {}
/// use sam_runtime::{dfdx::prelude::*, nn::ResNet18, predict::{PredictError, Predictor}};
///
/// # #[cfg(feature = "image")]
/// fn main() -> Result<(), PredictError> {
///     let dev = Cpu::default();
///     let predictor = Predictor::<ResNet18<5>, Rank3<3, 224, 224>>::open("leaves.safetensors", &dev)?;
///     let leaf = predictor.picture("leaf.jpg")?;
///     println!("{} ({:.0} %)", leaf.name(), 100.0 * leaf.probability());
///     for candidate in leaf.top(3) {
///         println!("{}: {:.3}", candidate.name, candidate.probability);
///     }
///     Ok(())
/// }
/// ```
pub struct Predictor<Net, S = (), D = Cpu>
where
    D: Device<f32>,
    Net: BuildOnDevice<D, f32>,
{
    net: Net::Built,
    dev: D,
    about: Arc<Description>,
    pub(super) batch: usize,
    input: PhantomData<fn() -> S>,
}

/// Inputs that a network gets at once, at first.
const BATCH: usize = 64;

impl<Net, S, D> Predictor<Net, S, D>
where
    D: Device<f32>,
    Net: BuildOnDevice<D, f32>,
    Net::Built: TensorCollection<f32, D>,
{
    /// The model in the file `path`, which [`save`](super::save) wrote, on `dev`.
    ///
    /// On another device than the CPU it is `Predictor::<Net, S, _>`.
    ///
    /// # Errors
    /// [`PredictError`], but for those of predictions: the file can't be read, is no whole model file, is that of another network, or its
    /// inputs are others than the type says.
    pub fn open(path: impl AsRef<Path>, dev: &D) -> Result<Self, PredictError>
    where
        S: Input<Net::Built, D>,
    {
        let path = path.as_ref();
        let bytes = weights::read(path)?;
        let about = describe(path, &bytes)?;
        Self::check(path, &about)?;
        let mut net = Net::try_build_on_device(dev).map_err(|error| failed(0, &error))?;
        weights::load_bytes(&mut net, path, &bytes, &LoadOptions::new())?;
        Ok(Self::of(net, dev, about))
    }

    /// A network that is in memory already.
    ///
    /// # Errors
    /// [`PredictError::Names`], [`PredictError::Outputs`] and [`PredictError::Inputs`] for a description that doesn't fit it.
    pub fn new(
        net: Net::Built,
        dev: &D,
        about: impl Into<Description>,
    ) -> Result<Self, PredictError>
    where
        S: Input<Net::Built, D>,
    {
        let about = about.into();
        about.check()?;
        Self::check(Path::new("description"), &about)?;
        Ok(Self::of(net, dev, about))
    }

    /// Whether the type of this takes what is described.
    fn check(path: &Path, about: &Description) -> Result<(), PredictError>
    where
        S: Input<Net::Built, D>,
    {
        let preprocessing = &about.preprocessing;
        S::check(preprocessing).map_err(|wanted| preprocessing.refused(path, wanted))?;
        S::OUTPUTS.map_or(Ok(()), |outputs| about.check_outputs(outputs))
    }

    fn of(net: Net::Built, dev: &D, about: Description) -> Self {
        Self {
            net,
            dev: dev.clone(),
            about: Arc::new(about),
            batch: BATCH,
            input: PhantomData,
        }
    }
}

impl<Net, S, D> Predictor<Net, S, D>
where
    D: Device<f32>,
    Net: BuildOnDevice<D, f32>,
{
    /// The same, with so many inputs in a batch where there are many: 64 at first. More take more memory; 0 is taken for 1.
    pub fn batch(self, batch: usize) -> Self {
        let batch = batch.max(1);
        Self { batch, ..self }
    }

    /// What the file says beside the weights.
    pub fn description(&self) -> &Description {
        &self.about
    }

    /// The network.
    pub fn net(&self) -> &Net::Built {
        &self.net
    }

    /// Predictions of a tensor, or whatever else the network takes, as it is: one for each row of its outputs.
    ///
    /// # Errors
    /// [`PredictError::Outputs`] if the network has another number of outputs than the file has names; [`PredictError::NotFinite`],
    /// [`PredictError::Device`].
    pub fn tensor<X>(&self, x: X) -> Result<Vec<Prediction>, PredictError>
    where
        Net::Built: Module<X, Output: Outputs>,
    {
        let width = <<Net::Built as Module<X>>::Output as Outputs>::WIDTH;
        self.about.check_outputs(width)?;
        let outputs = self.net.try_forward(x).map_err(|error| failed(1, &error))?;
        let outputs = outputs.numbers();
        let rows = outputs.chunks_exact(width.max(1));
        rows.map(|row| Prediction::new(row, &self.about)).collect()
    }
}

impl<Net, S, D> Predictor<Net, S, D>
where
    D: Device<f32>,
    S: BatchShape,
    Net: BuildOnDevice<D, f32>,
    Net::Built: Module<BatchOf<S, D>, Output: Outputs>,
{
    /// The prediction of one input that was read.
    pub(super) fn one(&self, input: Vec<f32>) -> Result<Prediction, PredictError> {
        let outputs = self.forward(input, 1)?;
        Prediction::new(&outputs, &self.about)
    }

    /// A prediction for each input that could be read, and its error for each that could not; those that could are one batch.
    pub(super) fn all(
        &self,
        inputs: Vec<Result<Vec<f32>, DataError>>,
    ) -> Vec<Result<Prediction, PredictError>> {
        let read: Vec<&[f32]> = inputs.iter().flatten().map(Vec::as_slice).collect();
        let count = read.len();
        let outputs = match count {
            0 => Ok(Vec::new()),
            _ => self.forward(read.concat(), count),
        };
        let width = outputs.as_ref().map_or(0, |all| all.len() / count.max(1));
        let mut place = 0;
        let mut next = || match &outputs {
            Ok(outputs) => {
                let from = place * width;
                place += 1;
                Prediction::new(&outputs[from..from + width], &self.about)
            }
            // What fails for a batch fails for each of its inputs.
            Err(PredictError::Device { inputs, reason }) => Err(PredictError::Device {
                inputs: *inputs,
                reason: reason.clone(),
            }),
            Err(other) => Err(failed(count, &other.to_string())),
        };
        inputs
            .into_iter()
            .map(|input| match input {
                Ok(_) => next(),
                Err(error) => Err(error.into()),
            })
            .collect()
    }

    /// The outputs for `count` inputs, one behind the other.
    fn forward(&self, inputs: Vec<f32>, count: usize) -> Result<Vec<f32>, PredictError> {
        let x: BatchOf<S, D> = self
            .dev
            .try_tensor_from_vec(inputs, S::dynamic(count))
            .map_err(|error| failed(count, &error))?;
        let outputs = self.net.try_forward(x);
        let outputs = outputs.map_err(|error| failed(count, &error))?.numbers();
        let width = <<Net::Built as Module<BatchOf<S, D>>>::Output as Outputs>::WIDTH;
        match outputs.len() == count * width {
            true => Ok(outputs),
            false => {
                let reason = format!("it gave {} outputs of {width} each", outputs.len());
                Err(failed(count, &reason))
            }
        }
    }
}

/// What the device, or a layer, says of so many inputs.
fn failed(inputs: usize, reason: &dyn Debug) -> PredictError {
    PredictError::Device {
        inputs,
        reason: format!("{reason:?}"),
    }
}

/// `predict` of `size` items at a time, the last ones as few as there are.
pub(super) fn in_batches<I: Iterator, P>(
    mut items: I,
    size: usize,
    predict: impl FnMut(Vec<I::Item>) -> Vec<P>,
) -> impl Iterator<Item = P> {
    let batches = std::iter::from_fn(move || {
        let batch: Vec<_> = items.by_ref().take(size).collect();
        (!batch.is_empty()).then_some(batch)
    });
    batches.flat_map(predict)
}
