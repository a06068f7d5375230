//! One checkpoint as two files: tensors in safetensors, the rest in JSON.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use safetensors::{Dtype as Kind, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{Checkpoint, CheckpointError};
use crate::optim::{HostDtype, HostTensor, State};

/// What the JSON file says it is.
const FORMAT: &str = "sam-train checkpoint";

/// The version of the format that this program writes and reads.
const VERSION: u64 = 1;

/// How temporary files begin.
pub(super) const TEMPORARY: &str = ".checkpoint-";

/// The JSON file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    version: u64,
    step: u64,
    score: Option<f64>,
    tensors: TensorFile,
    /// The numbers of each state, by the state's name.
    numbers: BTreeMap<String, BTreeMap<String, Value>>,
    values: BTreeMap<String, Value>,
}

/// The file with the tensors, and how to tell that it is whole.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorFile {
    name: String,
    bytes: u64,
    crc32: u32,
}

/// The JSON file of a step.
pub(super) fn manifest_path(dir: &Path, step: u64) -> PathBuf {
    dir.join(format!("step-{step:09}.json"))
}

/// The step of a file with this name, and whether it is a JSON file.
pub(super) fn step_of(name: &str) -> Option<(u64, bool)> {
    let rest = name.strip_prefix("step-")?;
    if let Some(step) = rest.strip_suffix(".json") {
        return Some((digits(step)?, true));
    }
    let (step, crc) = rest.strip_suffix(".safetensors")?.split_once('-')?;
    (crc.len() == 8).then_some((digits(step)?, false))
}

fn digits(text: &str) -> Option<u64> {
    (text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Writes a checkpoint. Until the last rename, what was there before is what is there.
pub(super) fn write(dir: &Path, checkpoint: &Checkpoint) -> Result<PathBuf, CheckpointError> {
    let bytes = tensors(dir, checkpoint)?;
    let crc32 = crc32fast::hash(&bytes);
    // Another name for other contents, so that an earlier checkpoint of this step stays whole.
    let name = format!("step-{:09}-{crc32:08x}.safetensors", checkpoint.step);
    replace(dir, &dir.join(&name), &bytes)?;
    let parts = checkpoint.parts.iter();
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        step: checkpoint.step,
        score: checkpoint.score,
        tensors: TensorFile {
            name,
            bytes: bytes.len() as u64,
            crc32,
        },
        numbers: parts
            .map(|(name, state)| (name.clone(), state.numbers.clone()))
            .collect(),
        values: checkpoint.values.clone(),
    };
    let path = manifest_path(dir, checkpoint.step);
    let mut json = serde_json::to_vec_pretty(&manifest)
        .map_err(io::Error::from)
        .map_err(failed(&path, "write"))?;
    json.push(b'\n');
    replace(dir, &path, &json)?;
    Ok(path)
}

/// The tensors of all states, called `state/tensor`.
fn tensors(dir: &Path, checkpoint: &Checkpoint) -> Result<Vec<u8>, CheckpointError> {
    let all = checkpoint.parts.iter().flat_map(|(part, state)| {
        let named = state.tensors.iter();
        named.map(move |(name, tensor)| (format!("{part}/{name}"), tensor))
    });
    let views = all.map(|(name, tensor)| {
        let kind = match tensor.dtype {
            HostDtype::F16 => Kind::F16,
            HostDtype::F32 => Kind::F32,
            HostDtype::F64 => Kind::F64,
        };
        TensorView::new(kind, tensor.shape.clone(), &tensor.bytes).map(|view| (name, view))
    });
    let whole = |error: safetensors::SafeTensorError| {
        failed(dir, "write")(io::Error::other(error.to_string()))
    };
    let views: Vec<_> = views.collect::<Result<_, _>>().map_err(whole)?;
    safetensors::serialize(views, None).map_err(whole)
}

/// Writes a file so that it is there whole, and on the disk, or not at all.
pub(crate) fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let write = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY);
        // As any new file: whoever may read the folder's other files may read this one.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut temporary = builder.tempfile_in(dir)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        NamedTempFile::persist(temporary, path).map_err(|error| error.error)?;
        sync(dir)
    };
    write().map_err(failed(path, "write"))
}

/// Has the names in a folder on the disk.
#[cfg(unix)]
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Other systems have no such call for folders.
#[cfg(not(unix))]
pub(super) fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

/// What is in the JSON file of a step beside the tensors: the score, and the name of the file with the tensors.
pub(super) fn summary(path: &Path) -> Result<(Option<f64>, String), CheckpointError> {
    let manifest = manifest(path)?;
    Ok((manifest.score, manifest.tensors.name))
}

/// Reads the checkpoint of a JSON file.
pub(super) fn read(dir: &Path, path: &Path) -> Result<Checkpoint, CheckpointError> {
    let manifest = manifest(path)?;
    let TensorFile { name, bytes, crc32 } = &manifest.tensors;
    if step_of(name).is_none() {
        return Err(damaged(
            path,
            format!("`{name}` is no file of a checkpoint"),
        ));
    }
    let tensors = dir.join(name);
    let found = fs::read(&tensors).map_err(|reason| match reason.kind() {
        io::ErrorKind::NotFound => damaged(&tensors, "it is missing".to_owned()),
        _ => failed(&tensors, "read")(reason),
    })?;
    if found.len() as u64 != *bytes {
        let problem = format!("it has {} bytes, not {bytes}", found.len());
        return Err(damaged(&tensors, problem));
    }
    if crc32fast::hash(&found) != *crc32 {
        return Err(damaged(&tensors, "its bytes have changed".to_owned()));
    }
    assemble(manifest, &tensors, &found)
}

/// The checkpoint of a JSON file, with the bytes of the file `tensors`.
fn assemble(
    manifest: Manifest,
    tensors: &Path,
    bytes: &[u8],
) -> Result<Checkpoint, CheckpointError> {
    let numbers = manifest.numbers.into_iter();
    let mut parts: BTreeMap<String, State> = numbers
        .map(|(part, numbers)| {
            let state = State {
                numbers,
                ..State::default()
            };
            (part, state)
        })
        .collect();
    let parsed = SafeTensors::deserialize(bytes);
    let parsed = parsed.map_err(|error| damaged(tensors, error.to_string()))?;
    for (name, view) in parsed.iter() {
        let place = name.split_once('/');
        let place = place.and_then(|(part, name)| Some((parts.get_mut(part)?, name)));
        let Some((state, own)) = place else {
            return Err(damaged(tensors, format!("`{name}` belongs to nothing")));
        };
        let dtype = match view.dtype() {
            Kind::F16 => HostDtype::F16,
            Kind::F32 => HostDtype::F32,
            Kind::F64 => HostDtype::F64,
            other => {
                return Err(damaged(tensors, format!("`{name}` is of type {other:?}")));
            }
        };
        let tensor = HostTensor {
            dtype,
            shape: view.shape().into(),
            bytes: view.data().into(),
        };
        state.tensors.insert(own.to_owned(), tensor);
    }
    Ok(Checkpoint {
        step: manifest.step,
        score: manifest.score,
        parts,
        values: manifest.values,
    })
}

fn manifest(path: &Path) -> Result<Manifest, CheckpointError> {
    let bytes = fs::read(path).map_err(failed(path, "read"))?;
    parse(path, &bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, CheckpointError> {
    let json: Value = serde_json::from_slice(bytes)
        .map_err(|error| damaged(path, format!("it is no whole JSON ({error})")))?;
    let expected = format!("version {VERSION} of \"{FORMAT}\"");
    let wrong = |found| CheckpointError::Format {
        path: path.into(),
        found,
        expected: expected.clone(),
    };
    match (&json["format"], &json["version"]) {
        (Value::String(format), Value::Number(version)) if format == FORMAT => {
            if version.as_u64() != Some(VERSION) {
                return Err(wrong(format!("version {version}")));
            }
        }
        _ => return Err(wrong("no checkpoint".to_owned())),
    }
    serde_json::from_value(json).map_err(|error| damaged(path, error.to_string()))
}

/// A way in for the fuzz target: the bytes of both files, whatever their checksums.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn from_bytes(json: &[u8], tensors: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let manifest = parse("json".as_ref(), json)?;
    assemble(manifest, "tensors".as_ref(), tensors)
}

fn damaged(path: &Path, problem: String) -> CheckpointError {
    CheckpointError::Damaged {
        path: path.into(),
        problem,
    }
}

pub(super) fn failed(
    path: &Path,
    action: &'static str,
) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |reason| CheckpointError::File {
        path,
        action,
        reason,
    }
}
