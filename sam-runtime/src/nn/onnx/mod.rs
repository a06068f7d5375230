//! Networks as ONNX, the format that other programs run: ONNX Runtime, browsers, phones.
//!
//! [`model`] writes what `forward` does, in evaluation: batch normalization by the running statistics, no dropout. The graph is
//! made of the network's type, layer by layer ([`ToOnnx`]); nothing is recorded while it runs. The batch may have any size.
//!
//! ```
//! use sam_runtime::{dfdx::prelude::*, nn::onnx};
//!
//! let dev = Cpu::default();
//! let net = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 2>), f32>();
//! let example: Tensor<Rank2<1, 4>, f32, _> = dev.zeros();
//! let model = onnx::model(&net, &example)?.metadata("classes", "oak, rose");
//! let file = std::env::temp_dir().join("sam-train-plants.onnx");
//! model.save(&file)?;
//! # std::fs::remove_file(file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```python
//! import numpy, onnxruntime
//! session = onnxruntime.InferenceSession("sam-train-plants.onnx")
//! (logits,) = session.run(["output"], {"input": numpy.zeros((3, 4), numpy.float32)})
//! ```
//!
//! # What can be written
//! | | |
//! |---|---|
//! | of [`nn`](crate::nn) | `Linear`, `LinearReLU`, `Conv2D`, `Conv2DBatchNorm`, `Conv2DBatchNormReLU`, `Bias2D`, `Bias2DReLU`, `BatchNorm1D`, `BatchNorm2D`, `BatchNorm2DReLU`, `LayerNorm`, `GroupNorm`, `MaxPool2D`, `AvgPool2D`, `GlobalAvgPool2D`, `Flatten2D`, `FlattenTo`, `DropoutPercent`, `SequenceMean`, `SequenceLast`, `Frozen` |
//! | networks | `CifarResNet`, `WideResNet`, `ResNet`, `BottleneckResNet`, and their bodies |
//! | of dfdx | `Linear`, `UnbiasedLinear`, `BatchNorm1D`, `LayerNorm1D`, `Dropout`, `DropoutOneIn`, activations, tuples, `Residual`, `GeneralizedResidual`, `Repeated` |
//!
//! Other layers don't compile as a part of what is written; `Embedding`, attention, `GRU`, `Conv1D`, `ShakeShake` and
//! `PyramidNet` are among them. A layer of one's own implements [`ToOnnx`].
//!
//! | file | what |
//! |---|---|
//! | `graph` | [`Graph`], [`Value`], [`Attribute`]: what layers write themselves into |
//! | `operators` | what several layers are made of |
//! | `layers` | the layers of `nn` |
//! | `networks` | its networks |
//! | `of_dfdx` | dfdx's layers |
//! | `proto` | ONNX's messages |
//! | `error` | [`OnnxError`] |

mod error;
mod graph;
mod layers;
mod networks;
mod of_dfdx;
mod operators;
mod proto;

use std::path::Path;

use dfdx::{
    nn::Module,
    prelude::Device,
    shapes::{Dtype, HasShape, Shape},
    tensor::Tensor,
};
use prost::Message;

pub use self::{
    error::OnnxError,
    graph::{Attribute, Graph, Value},
};
use crate::{files, named};

/// The version of ONNX's operators that models are written with: of 2022, which ONNX Runtime 1.12 and later reads.
pub const OPSET: i64 = 17;

/// The version of the format that belongs to it.
const IR_VERSION: i64 = 8;

/// A layer that can write what its `forward` does into a graph of ONNX.
///
/// ```
/// use sam_runtime::{
///     dfdx::prelude::*,
///     nn::onnx::{self, Graph, OnnxError, ToOnnx, Value},
/// };
///
/// /// Gives twice what it is given.
/// #[derive(Clone, Debug, Default)]
/// struct Double;
///
/// impl ZeroSizedModule for Double {}
/// impl<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>> Module<Tensor<S, E, D, T>> for Double {
///     type Output = Tensor<S, E, D, T>;
///     type Error = D::Err;
///
///     fn try_forward(&self, x: Tensor<S, E, D, T>) -> Result<Self::Output, D::Err> {
///         x.try_mul(E::ONE + E::ONE)
///     }
/// }
///
/// impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for Double {
///     fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
///         let two = graph.number(2.0);
///         Ok(graph.node("Mul", &[x, &two], [], x.shape()))
///     }
/// }
///
/// let dev = Cpu::default();
/// let net = dev.build_module::<(Linear<4, 2>, Double), f32>();
/// let example: Tensor<Rank2<1, 4>, f32, _> = dev.zeros();
/// let model = onnx::model(&net, &example)?;
/// # assert!(!model.to_bytes()?.is_empty());
/// # Ok::<(), OnnxError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be written as ONNX",
    label = "a layer that doesn't implement `nn::onnx::ToOnnx`",
    note = "a layer of your own implements it: see `nn::onnx::ToOnnx`; which others can be written is said in `nn::onnx`",
    note = "see `errors/not-for-onnx` in sam-train's guide"
)]
pub trait ToOnnx<E: Dtype, D: Device<E>> {
    /// Puts the nodes of this layer into `graph`, behind `x`, and gives what they give.
    ///
    /// # Errors
    /// [`OnnxError::Unsupported`] for what ONNX has no words for; [`OnnxError::Shape`] for an `x` that doesn't fit.
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError>;
}

/// A network as a model of ONNX, which [`model`] makes.
///
/// It has one input, `input`, and one output, `output`; the first size of both is the batch's, which is called `batch` and may be
/// any. The network's tensors have the names that they have in [weight files](crate::nn::weights).
#[derive(Clone, Debug)]
pub struct Model {
    proto: proto::ModelProto,
}

/// What `forward` of `net` does with batches of samples like those of `example`, whose numbers don't matter.
///
/// # Errors
/// [`OnnxError`], but for those of files.
pub fn model<M, S, E, D>(net: &M, example: &Tensor<S, E, D>) -> Result<Model, OnnxError>
where
    M: ToOnnx<E, D> + Module<Tensor<S, E, D>>,
    S: Shape,
    E: Dtype,
    D: Device<E>,
{
    let shape: Vec<usize> = example.shape().concrete().into();
    let [_, sample @ ..] = &shape[..] else {
        return Err(OnnxError::NoBatch { shape });
    };
    if sample.is_empty() {
        return Err(OnnxError::NoBatch { shape });
    }
    let mut graph = Graph::new(named::dtype::<E>().map_err(graph::elements::<E>)?);
    let input = Graph::input(sample);
    let output = net.add_to(&mut graph, &input)?;
    Ok(Model {
        proto: proto::ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("sam-train".into()),
            producer_version: Some(env!("CARGO_PKG_VERSION").into()),
            graph: Some(graph.finish(&input, output)),
            opset_import: vec![proto::OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
            metadata_props: Vec::new(),
        },
    })
}

impl Model {
    /// The same with a text under a name, such as the names of the classes: `metadata_props` of the file. A name that is there
    /// gets the new text.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = Some(key.into());
        let all = &mut self.proto.metadata_props;
        all.retain(|entry| entry.key != key);
        all.push(proto::StringStringEntryProto {
            key,
            value: Some(value.into()),
        });
        self
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`OnnxError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, OnnxError> {
        let bytes = self.proto.encoded_len();
        match i32::try_from(bytes) {
            Ok(_) => Ok(self.proto.encode_to_vec()),
            Err(_) => Err(OnnxError::TooLarge { bytes }),
        }
    }

    /// Writes the file, whose name ends in `.onnx` by custom. What is there is replaced once the new file is whole.
    ///
    /// # Errors
    /// [`OnnxError::File`], [`OnnxError::TooLarge`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), OnnxError> {
        let path = path.as_ref();
        files::save(path, &self.to_bytes()?).map_err(|reason| OnnxError::File {
            path: path.into(),
            reason,
        })
    }
}
