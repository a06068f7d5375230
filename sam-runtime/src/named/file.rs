//! Safetensors files.

use half::bf16;
use safetensors::{Dtype as Kind, SafeTensors, tensor::TensorView};

use super::{HostDtype, HostTensor, Tensors};

/// Why bytes are no file of tensors.
pub(crate) enum NotTensors {
    /// They are no whole safetensors file.
    Format(String),
    /// The elements of a tensor are of a type that is not read.
    Elements { name: String, found: String },
}

/// The bytes of a file with these tensors.
pub(crate) fn to_file<'a>(
    tensors: impl IntoIterator<Item = (String, &'a HostTensor)>,
) -> Result<Vec<u8>, String> {
    let views = tensors.into_iter().map(|(name, tensor)| {
        let kind = match tensor.dtype {
            HostDtype::F16 => Kind::F16,
            HostDtype::F32 => Kind::F32,
            HostDtype::F64 => Kind::F64,
        };
        TensorView::new(kind, tensor.shape.clone(), &tensor.bytes).map(|view| (name, view))
    });
    let views = views.collect::<Result<Vec<_>, _>>();
    let bytes = views.and_then(|views| safetensors::serialize(views, None));
    bytes.map_err(|error| error.to_string())
}

/// The tensors of a file, but those whose names are `skipped`. BF16 becomes F32, which holds all of it.
pub(crate) fn from_file(
    bytes: &[u8],
    skipped: impl Fn(&str) -> bool,
) -> Result<Tensors, NotTensors> {
    let file = SafeTensors::deserialize(bytes);
    let file = file.map_err(|error| NotTensors::Format(error.to_string()))?;
    let views = file.iter().filter(|(name, _)| !skipped(name));
    views
        .map(|(name, view)| {
            let data = view.data();
            let (dtype, bytes) = match view.dtype() {
                Kind::F16 => (HostDtype::F16, data.into()),
                Kind::F32 => (HostDtype::F32, data.into()),
                Kind::F64 => (HostDtype::F64, data.into()),
                Kind::BF16 => (HostDtype::F32, widened(data)),
                other => {
                    return Err(NotTensors::Elements {
                        name: name.to_owned(),
                        found: format!("{other:?}"),
                    });
                }
            };
            let tensor = HostTensor {
                dtype,
                shape: view.shape().into(),
                bytes,
            };
            Ok((name.to_owned(), tensor))
        })
        .collect()
}

fn widened(data: &[u8]) -> Vec<u8> {
    let numbers = data.as_chunks().0.iter();
    numbers
        .flat_map(|bytes| bf16::from_le_bytes(*bytes).to_f32().to_le_bytes())
        .collect()
}
