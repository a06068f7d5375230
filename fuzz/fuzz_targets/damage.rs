//! Damage: bytes that change in the files of a saved checkpoint. What is then read is what was saved, or an error; and a
//! save beside it removes nothing of it.
#![no_main]

use std::{collections::BTreeMap, fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use sam_runtime::{
    optim::{HostDtype, HostTensor, State},
    run::checkpoint::{Checkpoint, CheckpointStore},
};
use tempfile::TempDir;

/// A folder, its files as they were written, and what they hold.
struct Saved {
    dir: TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
    checkpoint: Checkpoint,
}

static SAVED: LazyLock<Saved> = LazyLock::new(|| {
    let tensor = HostTensor {
        dtype: HostDtype::F32,
        shape: vec![2, 3],
        bytes: (0..24).collect(),
    };
    let state = State {
        tensors: BTreeMap::from([("weight".into(), tensor)]),
        numbers: BTreeMap::from([("step".into(), 7.into())]),
    };
    let checkpoint = Checkpoint::new(7).score(0.5).with_part("model", state);
    let checkpoint = checkpoint.with_value("position", &(3, 27)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(dir.path()).unwrap();
    store.save(&checkpoint).unwrap();
    let paths = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = paths.map(|path| (path.clone(), fs::read(path).unwrap()));
    let files = files.filter(|(_, bytes)| !bytes.is_empty()).collect();
    Saved {
        dir,
        files,
        checkpoint,
    }
});

fuzz_target!(|edits: &[u8]| {
    let Saved {
        dir,
        files,
        checkpoint,
    } = &*SAVED;
    let mut changed: Vec<Vec<u8>> = files.iter().map(|(_, bytes)| bytes.clone()).collect();
    for edit in edits.chunks_exact(4) {
        let file = &mut changed[usize::from(edit[0]) % files.len()];
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % file.len();
        file[at] ^= edit[3];
    }
    for ((path, _), bytes) in files.iter().zip(&changed) {
        fs::write(path, bytes).unwrap();
    }
    let store = CheckpointStore::open(dir.path()).unwrap();
    match store.latest() {
        Ok(found) => assert_eq!(found.as_ref(), Some(checkpoint)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    store.save(&Checkpoint::new(8)).unwrap();
    assert!(files.iter().all(|(path, _)| path.exists()));
    fs::remove_file(store.path(8)).unwrap();
});
