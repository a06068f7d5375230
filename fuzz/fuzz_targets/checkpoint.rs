//! Checkpoints: the JSON, a zero byte, the tensors. What is read is whole: saved and loaded, it is the same.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sam_runtime::run::checkpoint::{CheckpointStore, from_bytes};
use tempfile::TempDir;

static DIR: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (json, tensors) = bytes.split_at(end.unwrap_or(bytes.len()));
    let checkpoint = match from_bytes(json, tensors.get(1..).unwrap_or_default()) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    if checkpoint.score.is_some_and(f64::is_nan) {
        // It is not even the same as itself.
        return;
    }
    let store = CheckpointStore::open(DIR.path()).unwrap().keep(1);
    store.save(&checkpoint).unwrap();
    assert_eq!(store.load(checkpoint.step).unwrap(), checkpoint);
});
