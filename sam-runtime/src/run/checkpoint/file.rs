//! One checkpoint as two files: tensors in safetensors, the rest in JSON.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Checkpoint, CheckpointError, Scored};
use crate::{
    files::{is_left_of, replace},
    named::file::{NotTensors, from_file, to_file},
    optim::State,
    run::number::Number,
};

/// What the JSON file says it is.
const FORMAT: &str = "sam-train checkpoint";

/// The version of the format that this program writes. It also reads version 1, which had no checksum of
/// the JSON file.
const VERSION: u64 = 2;

/// How a JSON file begins: behind it come eight digits, the checksum of all bytes behind [`HEAD_END`].
const HEAD: &str = "{\n  \"crc32\": \"";
const HEAD_END: &str = "\",\n";

/// Whether a file is what a killed process has left half-written; of earlier versions, too.
pub(super) fn is_half_written(name: &str) -> bool {
    let whole = name
        .strip_prefix('.')
        .and_then(|rest| rest.split_once(".new-"));
    let of_step = |whole: &str| step_of(whole).is_some() && is_left_of(name, whole.as_ref());
    name.starts_with(".checkpoint-") || whole.is_some_and(|(whole, _)| of_step(whole))
}

/// The JSON file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    version: u64,
    step: u64,
    score: Option<Number>,
    /// An earlier version had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scored: Option<Scored>,
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

/// The file with the tensors of a step.
fn tensors_name(step: u64, crc32: u32) -> String {
    // Another name for other contents, so that an earlier checkpoint of this step stays whole.
    format!("step-{step:09}-{crc32:08x}.safetensors")
}

/// Writes a checkpoint. Until the last rename, what was there before is what is there.
pub(super) fn write(dir: &Path, checkpoint: &Checkpoint) -> Result<PathBuf, CheckpointError> {
    let bytes = tensors(dir, checkpoint)?;
    let crc32 = crc32fast::hash(&bytes);
    let name = tensors_name(checkpoint.step, crc32);
    let path = dir.join(&name);
    // As after an epoch, before and after its evaluation.
    let is_there = fs::read(&path).is_ok_and(|there| there == bytes);
    if !is_there {
        replace(&path, &bytes).map_err(failed(&path, "write"))?;
    }
    let manifest = manifest_of(checkpoint, name, bytes.len(), crc32);
    let path = manifest_path(dir, checkpoint.step);
    let json = manifest
        .to_json()
        .map_err(io::Error::from)
        .map_err(failed(&path, "write"))?;
    replace(&path, &json).map_err(failed(&path, "write"))?;
    Ok(path)
}

/// The JSON file, beside a file with tensors.
fn manifest_of(checkpoint: &Checkpoint, name: String, bytes: usize, crc32: u32) -> Manifest {
    let parts = checkpoint.parts.iter();
    Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        step: checkpoint.step,
        score: checkpoint.score.map(Number),
        scored: checkpoint.scored.clone(),
        tensors: TensorFile {
            name,
            bytes: bytes as u64,
            crc32,
        },
        numbers: parts
            .map(|(name, state)| (name.clone(), state.numbers.clone()))
            .collect(),
        values: checkpoint.values.clone(),
    }
}

impl Manifest {
    /// The JSON file: the checksum of what follows it, and what follows.
    fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let json = serde_json::to_string_pretty(self)?;
        let rest = format!("{}\n", json.strip_prefix("{\n").unwrap_or(&json));
        let crc32 = crc32fast::hash(rest.as_bytes());
        Ok(format!("{HEAD}{crc32:08x}{HEAD_END}{rest}").into_bytes())
    }
}

/// The tensors of all states, called `state/tensor`.
fn tensors(dir: &Path, checkpoint: &Checkpoint) -> Result<Vec<u8>, CheckpointError> {
    let all = checkpoint.parts.iter().flat_map(|(part, state)| {
        let named = state.tensors.iter();
        named.map(move |(name, tensor)| (format!("{part}/{name}"), tensor))
    });
    to_file(all).map_err(|reason| failed(dir, "write")(io::Error::other(reason)))
}

/// What the JSON file of a step says beside the tensors.
pub(super) struct Summary {
    pub(super) step: u64,
    pub(super) score: Option<f64>,
    pub(super) scored: Option<Scored>,
    /// The name of the file with the tensors.
    pub(super) tensors: String,
}

/// What stands in the JSON file of a step.
pub(super) fn summary(dir: &Path, step: u64, json: &[u8]) -> Result<Summary, CheckpointError> {
    let manifest = manifest(&manifest_path(dir, step), step, json)?;
    Ok(Summary {
        step,
        score: manifest.score.map(|score| score.0),
        scored: manifest.scored,
        tensors: manifest.tensors.name,
    })
}

/// Reads the checkpoint of a JSON file.
pub(super) fn read(dir: &Path, step: u64, json: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let path = manifest_path(dir, step);
    let manifest = manifest(&path, step, json)?;
    let TensorFile { name, bytes, crc32 } = &manifest.tensors;
    let tensors = dir.join(name);
    let damaged = |problem| damaged(&tensors, &path, problem);
    let found = fs::read(&tensors).map_err(|reason| match reason.kind() {
        io::ErrorKind::NotFound => damaged("it is missing".to_owned()),
        _ => failed(&tensors, "read")(reason),
    })?;
    if found.len() as u64 != *bytes {
        return Err(damaged(format!(
            "it has {} bytes, not {bytes}",
            found.len()
        )));
    }
    if crc32fast::hash(&found) != *crc32 {
        return Err(damaged("its bytes have changed".to_owned()));
    }
    assemble(manifest, damaged, &found)
}

/// The checkpoint of a JSON file, with the bytes of its file with tensors; `damaged` is an error there.
fn assemble(
    manifest: Manifest,
    damaged: impl Fn(String) -> CheckpointError,
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
    let tensors = from_file(bytes, |_| false).map_err(|error| match error {
        NotTensors::Format(reason) => damaged(reason),
        NotTensors::Elements { name, found } => damaged(format!("`{name}` is of type {found}")),
    })?;
    for (name, tensor) in tensors {
        let place = name.split_once('/');
        let place = place.and_then(|(part, name)| Some((parts.get_mut(part)?, name)));
        let Some((state, own)) = place else {
            return Err(damaged(format!("`{name}` belongs to nothing")));
        };
        state.tensors.insert(own.to_owned(), tensor);
    }
    Ok(Checkpoint {
        step: manifest.step,
        score: manifest.score.map(|score| score.0),
        scored: manifest.scored,
        parts,
        values: manifest.values,
    })
}

/// What stands in the JSON file `path`, which must be that of `step`.
fn manifest(path: &Path, step: u64, json: &[u8]) -> Result<Manifest, CheckpointError> {
    let damaged = |problem: String| damaged(path, path, problem);
    let sum = checksum(json);
    if sum == Some(false) {
        return Err(damaged("its bytes have changed".to_owned()));
    }
    let manifest = parse(path, json)?;
    if manifest.version > 1 && sum.is_none() {
        return Err(damaged("it does not begin with its checksum".to_owned()));
    }
    if manifest.step != step {
        return Err(damaged(format!("it is that of step {}", manifest.step)));
    }
    let TensorFile { name, crc32, .. } = &manifest.tensors;
    if *name != tensors_name(step, *crc32) {
        return Err(damaged(format!("`{name}` is no file of this checkpoint")));
    }
    Ok(manifest)
}

/// Whether the checksum that a JSON file begins with is that of the rest; `None` if it begins with none.
fn checksum(json: &[u8]) -> Option<bool> {
    let (digits, rest) = json.strip_prefix(HEAD.as_bytes())?.split_at_checked(8)?;
    let rest = rest.strip_prefix(HEAD_END.as_bytes())?;
    Some(format!("{:08x}", crc32fast::hash(rest)).as_bytes() == digits)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, CheckpointError> {
    let damaged = |problem: String| damaged(path, path, problem);
    let mut json: Value = serde_json::from_slice(bytes)
        .map_err(|error| damaged(format!("it is no whole JSON ({error})")))?;
    let expected = format!("version 1 or {VERSION} of \"{FORMAT}\"");
    let wrong = |found| CheckpointError::Format {
        path: path.into(),
        found,
        expected: expected.clone(),
    };
    match (&json["format"], &json["version"]) {
        (Value::String(format), Value::Number(version)) if format == FORMAT => {
            if !matches!(version.as_u64(), Some(1 | VERSION)) {
                return Err(wrong(format!("version {version}")));
            }
        }
        _ => return Err(wrong("no checkpoint".to_owned())),
    }
    // It is of the bytes, not of what they say.
    if let (Some(VERSION), Some(json)) = (json["version"].as_u64(), json.as_object_mut()) {
        json.remove("crc32");
    }
    serde_json::from_value(json).map_err(|error| damaged(error.to_string()))
}

/// A checkpoint as one piece, for another process: how long the JSON file is, that, and the tensors.
impl Checkpoint {
    pub(in crate::run) fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let nowhere = Path::new("a checkpoint");
        let tensors = tensors(nowhere, self)?;
        let crc32 = crc32fast::hash(&tensors);
        let manifest = manifest_of(self, tensors_name(self.step, crc32), tensors.len(), crc32);
        let json = manifest
            .to_json()
            .map_err(io::Error::from)
            .map_err(failed(nowhere, "send"))?;
        let len = json.len() as u64;
        Ok([&len.to_le_bytes(), &json[..], &tensors].concat())
    }

    pub(in crate::run) fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let cut = bytes.split_first_chunk().and_then(|(len, rest)| {
            let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
            rest.split_at_checked(len)
        });
        match cut {
            Some((json, tensors)) => of_bytes(json, tensors),
            None => Err(CheckpointError::Damaged {
                path: "a checkpoint".into(),
                problem: "it came to this rank in part".to_owned(),
                manifest: "it".into(),
            }),
        }
    }
}

/// A way in for the fuzz target: the bytes of both files, whatever their checksums.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn from_bytes(json: &[u8], tensors: &[u8]) -> Result<Checkpoint, CheckpointError> {
    of_bytes(json, tensors)
}

fn of_bytes(json: &[u8], tensors: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let path = Path::new("json");
    let manifest = parse(path, json)?;
    assemble(
        manifest,
        |problem| damaged("tensors".as_ref(), path, problem),
        tensors,
    )
}

/// What is wrong with the file `path` of the checkpoint of a JSON file.
fn damaged(path: &Path, manifest: &Path, problem: String) -> CheckpointError {
    CheckpointError::Damaged {
        path: path.into(),
        problem,
        manifest: manifest.into(),
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
