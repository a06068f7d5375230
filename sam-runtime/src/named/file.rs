//! Safetensors files.

use std::collections::BTreeMap;

use half::bf16;
use safetensors::{
    Dtype as Kind, SafeTensors,
    tensor::{Metadata, TensorView},
};

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

/// `file`, a safetensors file without metadata, with these texts as its metadata: what `safe_open(..).metadata()` gives in Python.
///
/// Written here, in their order: `serialize` takes a `HashMap`, so that no two files would be the same.
pub(crate) fn with_metadata(
    file: &[u8],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, String> {
    let (length, _) = header_of(file)?;
    let (header, tensors) = file[LENGTH..].split_at(length);
    let metadata = serde_json::to_string(metadata).map_err(|error| error.to_string())?;
    let mut text = format!("{{\"__metadata__\":{metadata}").into_bytes();
    // Behind the brace that the header begins with.
    let rest = header[1..].trim_ascii();
    if rest != b"}" {
        text.push(b',');
    }
    text.extend(rest);
    text.resize(text.len().next_multiple_of(LENGTH), b' ');
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut text);
    bytes.extend(tensors);
    // Headers have a largest size.
    header_of(&bytes)?;
    Ok(bytes)
}

/// The length of the header, and what it says.
fn header_of(bytes: &[u8]) -> Result<(usize, Metadata), String> {
    SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())
}

/// Bytes that say how long the header is, and what it is aligned to.
const LENGTH: usize = size_of::<u64>();

/// The texts in the metadata of a file.
pub(crate) fn metadata(bytes: &[u8]) -> Result<BTreeMap<String, String>, NotTensors> {
    let (_, header) = header_of(bytes).map_err(NotTensors::Format)?;
    let texts = header.metadata().iter().flatten();
    Ok(texts
        .map(|(key, text)| (key.clone(), text.clone()))
        .collect())
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
