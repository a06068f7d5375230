//! Why a model could not be saved or opened, or an input not be predicted of.

use std::path::PathBuf;

use crate::{data::DataError, nn::weights::WeightsError};

/// Why a model could not be saved or opened, or an input not be predicted of. The text names what is wrong, where, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The file can't be read or written, or its tensors are not those of the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file has tensors, but not what a model file says beside them.
    #[error(
        "{}: {}; save it with `predict::save`, or read its weights with `nn::weights::load`",
        .path.display(), no_model(.found.as_deref())
    )]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// The format that it says it has.
        found: Option<String>,
    },
    /// The file was written by another version of this crate, which has another format.
    #[error(
        "{}: its format is of version {found}, and this program reads version {read}; save it anew, or build with the \
         version of sam-runtime that wrote it",
        .path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it says it has.
        found: String,
        /// The version that is read.
        read: &'static str,
    },
    /// A text of the file's metadata can't be read.
    #[error("{}: `{key}` of its metadata can't be read ({reason}); save it anew with `predict::save`", .path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The text's name.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file's inputs need a feature that this program was built without.
    #[error(
        "{}: its inputs are {inputs}, which need the feature `{feature}` of sam-runtime; build with it, or read its weights \
         with `nn::weights::load`",
        .path.display()
    )]
    Feature {
        /// The file.
        path: PathBuf,
        /// `pictures` or `rows`.
        inputs: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// The predictor's type takes other inputs than the model.
    #[error("{}: its inputs are {found}, but the predictor's type says {wanted}; `{predictor}` takes them", .path.display())]
    Inputs {
        /// The file; `description` where there is none.
        path: PathBuf,
        /// What the model takes.
        found: String,
        /// What the type takes.
        wanted: String,
        /// The type that takes it.
        predictor: String,
    },
    /// A description names other classes than the encoder of its table has.
    #[error(
        "{names} classes are named, but the encoder of the table has {classes}; give one name for each of its classes, or leave \
         `classes` out"
    )]
    Names {
        /// Names in the description.
        names: usize,
        /// Classes of the encoder.
        classes: usize,
    },
    /// The network has another number of outputs than the description has names for.
    #[error(
        "the model's file or description has {named} {what}, but the network has {outputs} output(s); is it that of another network?"
    )]
    Outputs {
        /// `class(es)`, or `target(s)` of a table.
        what: &'static str,
        /// How many there are.
        named: usize,
        /// Outputs of the network.
        outputs: usize,
    },
    /// A picture or a row can't be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network's outputs are no numbers that say anything.
    #[error(
        "the network's outputs are {outputs:?}, which are not all finite; look for NaN and infinity in its weights and in the input"
    )]
    NotFinite {
        /// The outputs.
        outputs: Vec<f32>,
    },
    /// The network can't be computed.
    #[error(
        "the network can't be computed for {inputs} input(s) ({reason}); if the device is out of memory, use smaller batches"
    )]
    Device {
        /// Inputs in the batch.
        inputs: usize,
        /// The device's own words.
        reason: String,
    },
}

crate::debug::debug_as_display!(PredictError);

fn no_model(found: Option<&str>) -> String {
    match found {
        Some(format) => format!("no model file of sam-train, but says that it is `{format}`"),
        None => "has weights at most, and nothing about classes and inputs beside them".into(),
    }
}
