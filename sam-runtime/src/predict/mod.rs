//! After training: a model in one file, and predictions of pictures, rows of tables and tensors.
//!
//! [`save`] writes a model file: the weights as [`nn::weights`](crate::nn::weights) writes them, and in the file's metadata the names of
//! the classes and what is done to pictures or rows before a network gets them. A [`Predictor`] is opened from it by another program, which
//! knows the network's type and no more.
//!
//! ```
//! # #[cfg(not(feature = "table"))] fn main() {}
//! # #[cfg(feature = "table")]
//! # mod with_tables {
//! use sam_runtime::{
//!     data::table::{Columns, Table},
//!     dfdx::prelude::*,
//!     predict::{self, Predictor},
//! };
//!
//! type Net = (Linear<2, 8>, ReLU, Linear<8, 2>);
//!
//! # pub(super) fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dev = Cpu::default();
//! let table = Table::parse("height,leaves,kind\n10,900,oak\n14,1100,oak\n1,30,rose\n2,50,rose\n")?;
//! let encoder = Columns::new().numbers(["height", "leaves"]).class("kind").fit(&table)?;
//! let net = dev.build_module::<Net, f32>(); // here would be the training
//! let file = std::env::temp_dir().join("sam-train-model-of-plants.safetensors");
//! predict::save(&net, &file, &encoder)?;
//!
//! // In another program.
//! let predictor = Predictor::<Net, Rank1<2>>::open(&file, &dev)?;
//! let plant = predictor.row([("height", "12"), ("leaves", "1000")])?;
//! println!("{} ({:.0} %)", plant.name(), 100.0 * plant.probability());
//! for plant in predictor.rows(&table) {
//!     println!("{:?}", plant?.top(2));
//! }
//! # std::fs::remove_file(file)?;
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "table")]
//! # fn main() { with_tables::main().unwrap() }
//! ```
//!
//! # The file
//! It is a safetensors file: `safetensors.torch.load_file` reads its tensors, under PyTorch's names, [`nn::weights::load`](crate::nn::weights::load) too.
//! Its metadata, which `safe_open(..).metadata()` gives in Python, has
//!
//! | key | text |
//! |---|---|
//! | `format` | `sam-train model` |
//! | `version` | `1` |
//! | `classes` | the names of the classes, an array in JSON |
//! | `inputs` | `pictures`, `rows` or `tensors` |
//! | `preprocessing` | what is done to pictures (a `PictureInput` of [`data`](crate::data)) or to rows (a `TableEncoder` of it), in JSON; not there for tensors |
//!
//! | file | what |
//! |---|---|
//! | `description` | [`Description`], [`Preprocessing`]: what a file says beside the weights |
//! | `metadata` | that as texts, and back |
//! | `input` | [`Input`]: what a predictor takes, by its type |
//! | `outputs` | [`Outputs`]: what networks give |
//! | `predictor` | [`Predictor`], and predictions of tensors |
//! | `pictures` | predictions of pictures, with the feature `image` |
//! | `rows` | predictions of rows of tables, with the feature `table` |
//! | `prediction` | [`Prediction`] |
//! | `error` | [`PredictError`] |

mod description;
mod error;
mod input;
mod metadata;
mod outputs;
#[cfg(feature = "image")]
mod pictures;
mod prediction;
// What predicts of inputs that were read is for pictures and rows.
#[cfg_attr(not(any(feature = "image", feature = "table")), allow(dead_code))]
mod predictor;
#[cfg(feature = "table")]
mod rows;

use std::path::Path;

use dfdx::{nn::tensor_collection::TensorCollection, prelude::Device};

pub use self::{
    description::{Description, Preprocessing},
    error::PredictError,
    input::Input,
    outputs::Outputs,
    prediction::{Candidate, Prediction},
    predictor::Predictor,
};
use crate::{
    named::file,
    nn::weights::{self, LoadOptions, WeightsError},
};

/// Writes all tensors of `net` and what `about` says to the file `path`, whose name ends in `.safetensors` by custom. What is there is
/// replaced once the new file is whole.
///
/// An image folder and the encoder of a table say all that there is to say: `save(&net, path, &folder)`. Take the folder that was evaluated
/// on, if its pictures are fitted otherwise than those that were trained on. For others there is [`Description`].
///
/// # Errors
/// [`PredictError::Weights`] if it can't be written; [`PredictError::Names`] if the description contradicts itself.
pub fn save<D, M>(
    net: &M,
    path: impl AsRef<Path>,
    about: impl Into<Description>,
) -> Result<(), PredictError>
where
    D: Device<f32>,
    M: TensorCollection<f32, D>,
{
    let path = path.as_ref();
    let about = about.into();
    about.check()?;
    let tensors = weights::to_bytes(net, path)?;
    let bytes = file::with_metadata(&tensors, &metadata::of(&about));
    let bytes = bytes.map_err(|reason| WeightsError::Format {
        path: path.into(),
        reason,
    })?;
    Ok(weights::write(path, &bytes)?)
}

/// Reads what [`save`] wrote into `net`, and gives what stands beside the weights: to go on training, or to predict in one's own way.
/// If that fails, `net` is as it was.
///
/// # Errors
/// [`PredictError`], but for those of predictions.
pub fn load<D, M>(net: &mut M, path: impl AsRef<Path>) -> Result<Description, PredictError>
where
    D: Device<f32>,
    M: TensorCollection<f32, D>,
{
    let path = path.as_ref();
    let bytes = weights::read(path)?;
    let about = describe(path, &bytes)?;
    weights::load_bytes(net, path, &bytes, &LoadOptions::new())?;
    Ok(about)
}

/// What the bytes of the file `path` say beside the weights.
fn describe(path: &Path, bytes: &[u8]) -> Result<Description, PredictError> {
    let texts = file::metadata(bytes).map_err(|problem| WeightsError::of_file(path, problem))?;
    metadata::read(path, &texts)
}
