use std::{
    fs,
    path::{Path, PathBuf},
};

use dfdx::{
    optim::{AdamConfig, Optimizer},
    prelude::*,
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::optim::Adam;

type Net = (Linear<3, 4>, BatchNorm1D<4>, Linear<4, 2>);
type Built<E> = <Net as BuildOnDevice<Cpu, E>>::Built;

fn model(seed: u64) -> Built<f32> {
    Cpu::seed_from_u64(seed).build_module::<Net, f32>()
}

/// A trained optimizer of `model`.
fn adam(model: &mut Built<f32>) -> Adam<Built<f32>, f32, Cpu> {
    let mut opt = Adam::new(model, AdamConfig::default());
    for seed in 0..3 {
        let x: Tensor<Rank2<8, 3>, f32, Cpu> = Cpu::seed_from_u64(seed).sample_normal();
        let grads = model.alloc_grads();
        let grads = model
            .forward_mut(x.traced(grads))
            .square()
            .mean()
            .backward();
        opt.update(model, &grads).unwrap();
    }
    opt
}

fn whole(step: u64) -> Checkpoint {
    let mut model = model(1);
    let opt = adam(&mut model);
    Checkpoint::new(step)
        .with_module("model", &model)
        .and_then(|c| c.with_state("optimizer", &opt))
        .and_then(|c| c.with_value("numbers", &[0.1, f64::MIN_POSITIVE, 1e300 / 3.0]))
        .unwrap()
}

fn store() -> (TempDir, CheckpointStore) {
    let dir = tempdir().unwrap();
    let store = CheckpointStore::open(dir.path().join("checkpoints")).unwrap();
    (dir, store)
}

/// The files of a folder, but for the one that is locked.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

/// The two files of the only checkpoint: JSON, tensors.
fn files(store: &CheckpointStore) -> [PathBuf; 2] {
    let mut paths: Vec<PathBuf> = names(store.dir())
        .iter()
        .map(|name| store.dir().join(name))
        .collect();
    paths.sort_by_key(|path| path.extension() != Some("json".as_ref()));
    paths.try_into().unwrap()
}

/// Writes a JSON file with its right checksum.
fn write_json(path: &Path, mut json: Value) {
    json.as_object_mut().unwrap().remove("crc32");
    let text = serde_json::to_string_pretty(&json).unwrap();
    let rest = format!("{}\n", text.strip_prefix("{\n").unwrap());
    let crc32 = crc32fast::hash(rest.as_bytes());
    let text = format!("{{\n  \"crc32\": \"{crc32:08x}\",\n{rest}");
    fs::write(path, text).unwrap();
}

#[test]
fn every_bit_comes_back() {
    let (_dir, store) = store();
    let saved = whole(7);
    store.save(&saved).unwrap();
    let found = store.latest().unwrap().unwrap();
    assert_eq!(found, saved);
    let (mut other, mut first) = (model(2), model(1));
    let opt = adam(&mut first);
    let mut resumed = Adam::new(&other, AdamConfig::default());
    found.load_module("model", &mut other).unwrap();
    found.load_state("optimizer", &mut resumed).unwrap();
    assert_eq!(module_state(&other), module_state(&first));
    assert_eq!(resumed.state(), opt.state());
    let numbers: [f64; 3] = found.value("numbers").unwrap();
    assert_eq!(numbers, [0.1, f64::MIN_POSITIVE, 1e300 / 3.0]);
}

/// Weights that came transposed from elsewhere, and one that is broadcast.
#[test]
fn a_tensor_that_does_not_lie_row_by_row_comes_back_as_it_was() {
    let dev = Cpu::default();
    let mut model = dev.build_module::<Linear<3, 2>, f32>();
    let columns: Tensor<Rank2<3, 2>, f32, Cpu> = dev.tensor([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    model.weight = columns.permute();
    let one: Tensor<Rank0, f32, Cpu> = dev.tensor(7.0);
    model.bias = one.broadcast();
    let saved = Checkpoint::new(1).with_module("m", &model).unwrap();
    saved.load_module("m", &mut model).unwrap();
    assert_eq!(model.weight.array(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(model.bias.array(), [7.0, 7.0]);

    let other = dev.build_module::<Linear<3, 2>, f32>();
    let saved = Checkpoint::new(1).with_module("m", &other).unwrap();
    saved.load_module("m", &mut model).unwrap();
    assert_eq!(model.weight.array(), other.weight.array());
    assert_eq!(model.bias.array(), other.bias.array());
}

#[test]
fn odd_numbers_and_f64_too() {
    let (_dir, store) = store();
    let mut odd = Cpu::default().build_module::<Net, f64>();
    let nan = f64::from_bits(0x7ff8_dead_beef_0001);
    let values = [-0.0, nan, f64::INFINITY, f64::MIN_POSITIVE / 8.0];
    odd.0.bias.copy_from(&values);
    store
        .save(&Checkpoint::new(0).with_module("m", &odd).unwrap())
        .unwrap();
    let mut other = Cpu::default().build_module::<Net, f64>();
    store.load(0).unwrap().load_module("m", &mut other).unwrap();
    let bits = |v: Vec<f64>| v.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(other.0.bias.as_vec()), bits(values.to_vec()));
}

#[test]
fn a_file_that_was_cut_off_or_changed_is_refused_by_name() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    let [manifest, tensors] = files(&store);
    for path in [manifest, tensors] {
        let bytes = fs::read(&path).unwrap();
        let refused = |changed: &[u8]| {
            fs::write(&path, changed).unwrap();
            let error = store.latest().unwrap_err();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(error.to_string().contains(&name), "{error}");
            error
        };
        // The last byte of the JSON is its line's end.
        for len in (0..bytes.len() - 1).step_by(7) {
            let error = refused(&bytes[..len]);
            assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
        }
        if path.extension() == Some("safetensors".as_ref()) {
            for at in (0..bytes.len()).step_by(13) {
                let mut changed = bytes.clone();
                changed[at] ^= 0x10;
                let error = refused(&changed);
                assert!(error.to_string().contains("its bytes have changed"));
            }
            fs::remove_file(&path).unwrap();
            let error = store.latest().unwrap_err().to_string();
            assert!(error.contains("it is missing") && error.contains("delete "));
        }
        fs::write(&path, &bytes).unwrap();
        assert!(store.latest().is_ok());
    }
}

#[test]
fn whatever_stands_in_the_json_nothing_panics() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    let [manifest, _] = files(&store);
    let json: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let change = |pointer: &str, to: Value| {
        let mut json = json.clone();
        *json.pointer_mut(pointer).unwrap() = to;
        write_json(&manifest, json);
        store.latest().unwrap_err().to_string()
    };
    let version = change("/version", json!(3));
    assert!(version.ends_with(
        "is version 3, but this program reads version 1 or 2 of \"sam-train checkpoint\""
    ));
    assert!(change("/format", json!("a cake")).contains("is no checkpoint"));
    assert!(change("/step", json!(8)).contains("it is that of step 8"));
    assert!(
        change("/tensors/name", json!("../../etc/passwd"))
            .contains("is no file of this checkpoint")
    );
    assert!(change("/tensors/crc32", json!(7)).contains("is no file of this checkpoint"));
    assert!(change("/tensors/bytes", json!(u64::MAX)).contains("not 18446744073709551615"));
    assert!(change("/numbers", json!({})).contains("belongs to nothing"));
    for pointer in [
        "/step",
        "/score",
        "/tensors",
        "/tensors/crc32",
        "/numbers",
        "/values",
    ] {
        let error = change(pointer, json!(["nonsense"]));
        assert!(error.contains("damaged"), "{error}");
    }
}

#[test]
fn what_belongs_to_another_model_changes_nothing() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    let found = store.latest().unwrap().unwrap();
    type Wider = (Linear<3, 4>, BatchNorm1D<4>, Linear<4, 5>);
    let mut wider = Cpu::default().build_module::<Wider, f32>();
    let before = module_state(&wider).unwrap();
    let error = found
        .load_module("model", &mut wider)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("`model`: `2.bias` has shape [2] in the state, but [5] in the model"),
        "{error}"
    );
    assert_eq!(module_state(&wider).unwrap(), before);
    let mut longer = Cpu::default().build_module::<(Net, Linear<2, 2>), f32>();
    let error = found
        .load_module("model", &mut longer)
        .unwrap_err()
        .to_string();
    assert!(error.contains("has no `0.0.bias`"), "{error}");
    let mut shorter = Cpu::default().build_module::<(Linear<3, 4>, BatchNorm1D<4>), f32>();
    let error = found
        .load_module("model", &mut shorter)
        .unwrap_err()
        .to_string();
    assert!(error.contains("2.bias, 2.weight"), "{error}");
    let mut double = Cpu::default().build_module::<Net, f64>();
    let error = found
        .load_module("model", &mut double)
        .unwrap_err()
        .to_string();
    assert!(error.contains("F32") && error.contains("F64"), "{error}");
    let error = found
        .load_module("modle", &mut model(1))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the checkpoint has no `modle`; was it written by another program?"
    );
    assert!(
        found
            .value::<String>("numbers")
            .unwrap_err()
            .to_string()
            .starts_with("`numbers`: ")
    );
}

#[test]
fn the_last_ones_and_the_best_one_are_kept() {
    let (_dir, store) = store();
    let store = store.keep(2).keep_best(Best::Highest);
    for (step, score) in [
        (10, 0.5),
        (20, 0.9),
        (30, 0.7),
        (40, f64::NAN),
        (50, 0.9),
        (60, 0.1),
    ] {
        let mut checkpoint = whole(step);
        checkpoint.score = (!score.is_nan()).then_some(score);
        store.save(&checkpoint).unwrap();
    }
    assert_eq!(store.steps().unwrap(), [20, 50, 60]);
    assert_eq!(store.best().unwrap().unwrap().step, 20);
    assert_eq!(store.latest().unwrap().unwrap().step, 60);
    assert_eq!(names(store.dir()).len(), 6);
    assert_eq!(
        store.load(30).unwrap_err().to_string(),
        format!(
            "{}: has no checkpoint of step 30; there are those of [20, 50, 60]",
            store.dir().display()
        )
    );
}

#[test]
fn what_a_killed_process_left_is_swept_away_and_nothing_else() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    let put = |name: &str| fs::write(store.dir().join(name), "x").unwrap();
    put(".checkpoint-Xy12");
    put("step-000000009-0badcafe.safetensors");
    put("notes.txt");
    put("step-7.json.bak");
    let again = CheckpointStore::open(store.dir()).unwrap();
    drop(store);
    again.lock().unwrap();
    let left = names(again.dir());
    assert_eq!(left.len(), 4);
    assert_eq!(left[0], "notes.txt");
    assert_eq!(left[3], "step-7.json.bak");
    assert_eq!(again.latest().unwrap().unwrap().step, 7);
}

#[test]
fn the_same_step_can_be_saved_again() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    let mut other = whole(7);
    other = other.with_module("model", &model(5)).unwrap();
    store.save(&other).unwrap();
    assert_eq!(store.latest().unwrap().unwrap(), other);
    assert_eq!(names(store.dir()).len(), 2);
}

#[test]
fn an_empty_folder_has_none() {
    let (_dir, store) = store();
    assert!(store.latest().unwrap().is_none());
    assert!(store.best().unwrap().is_none());
}

/// One of a version that had no checksum there.
#[test]
fn a_json_file_of_version_1_is_read() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    let [manifest, _] = files(&store);
    let mut json: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("crc32");
    json["version"] = json!(1);
    fs::write(&manifest, json.to_string()).unwrap();
    assert_eq!(store.latest().unwrap().unwrap(), whole(7));
    // Without a checksum, one of today is damaged.
    json["version"] = json!(2);
    fs::write(&manifest, json.to_string()).unwrap();
    let error = store.latest().unwrap_err().to_string();
    assert!(
        error.contains("it does not begin with its checksum"),
        "{error}"
    );
}

/// Every bit of a JSON file: each one that is flipped is noticed, and costs nothing that was saved.
#[test]
fn no_flipped_bit_is_read_and_none_has_good_tensors_removed() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    let [manifest, tensors] = files(&store);
    let whole_json = fs::read(&manifest).unwrap();
    let reader = CheckpointStore::open(store.dir()).unwrap();
    for bit in 0..8 * whole_json.len() {
        let mut changed = whole_json.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        fs::write(&manifest, changed).unwrap();
        let error = reader.latest().unwrap_err();
        assert!(
            matches!(error, CheckpointError::Damaged { .. }),
            "bit {bit}: {error}"
        );
        // Now and then: a save takes milliseconds.
        if bit % 97 == 0 {
            store.save(&Checkpoint::new(9)).unwrap();
            assert!(tensors.exists(), "bit {bit}");
            fs::remove_file(store.path(9)).unwrap();
        }
    }
    fs::write(&manifest, whole_json).unwrap();
    assert_eq!(reader.latest().unwrap().unwrap(), whole(7));
}

#[test]
fn a_reader_changes_nothing_and_a_second_writer_is_refused() {
    let (_dir, store) = store();
    store.save(&whole(7)).unwrap();
    // As a process that saves right now has them.
    let half = [".checkpoint-Xy12", "step-000000009-0badcafe.safetensors"];
    for name in half {
        fs::write(store.dir().join(name), "x").unwrap();
    }
    let other = CheckpointStore::open(store.dir()).unwrap();
    assert_eq!(other.latest().unwrap().unwrap(), whole(7));
    assert!(half.iter().all(|name| store.dir().join(name).exists()));
    for refused in [other.lock(), other.save(&whole(8)).map(drop)] {
        assert_eq!(
            refused.unwrap_err().to_string(),
            format!(
                "{}: another run writes it; wait for its end, or choose another folder",
                store.dir().display()
            )
        );
    }
    assert_eq!(names(store.dir()).len(), 4);
    // A clone is the same store.
    store.clone().save(&whole(8)).unwrap();
    drop(store);
    other.save(&whole(9)).unwrap();
    assert_eq!(other.steps().unwrap(), [7, 8, 9]);
    // One that is not there is not made by looking.
    let none = other.dir().join("none");
    assert_eq!(
        CheckpointStore::open(&none).unwrap().latest().unwrap(),
        None
    );
    assert!(!none.exists());
}

/// A reader beside a writer that keeps one checkpoint, and saves some steps twice.
#[test]
fn a_reader_always_finds_a_whole_checkpoint() {
    let (_dir, store) = store();
    let store = store.keep(1);
    store.save(&whole(0)).unwrap();
    let reader = CheckpointStore::open(store.dir()).unwrap();
    let writer = std::thread::spawn(move || {
        for step in 1..120 {
            let checkpoint = whole(step / 2).with_value("again", &(step % 2)).unwrap();
            store.save(&checkpoint).unwrap();
        }
    });
    let mut last = 0;
    while !writer.is_finished() {
        let step = reader.latest().unwrap().unwrap().step;
        assert!(step >= last);
        last = step;
    }
    writer.join().unwrap();
    assert_eq!(reader.steps().unwrap(), [59]);
}

#[test]
fn a_damaged_older_one_is_no_bar_to_the_next() {
    let (_dir, store) = store();
    let store = store.keep(2).keep_best(Best::Highest);
    for step in 1..3 {
        store.save(&Checkpoint::new(step).score(0.5)).unwrap();
    }
    fs::write(store.path(1), "").unwrap();
    for step in 3..6 {
        store.save(&Checkpoint::new(step).score(0.1)).unwrap();
    }
    // The best of those that can be read, the last two, and the damaged one.
    assert_eq!(store.steps().unwrap(), [1, 2, 4, 5]);
    assert!(
        store
            .best()
            .unwrap_err()
            .to_string()
            .contains("it is no whole JSON")
    );
    fs::remove_file(store.path(1)).unwrap();
    assert_eq!(store.best().unwrap().unwrap().step, 2);
    store.save(&Checkpoint::new(6)).unwrap();
    assert_eq!(names(store.dir()).len(), 6);
}

/// What an error says is done, to the letter, until there is no error.
#[test]
fn what_is_said_to_be_deleted_is_the_right_file() {
    let (_dir, store) = store();
    for step in 1..4 {
        store.save(&whole(step)).unwrap();
    }
    let of = |step: u64, end: &str| {
        let start = format!("step-{step:09}");
        let mut all = names(store.dir()).into_iter();
        let name = all.find(|name| name.starts_with(&start) && name.ends_with(end));
        store.dir().join(name.unwrap())
    };
    fs::write(of(3, "safetensors"), "damaged").unwrap();
    fs::write(of(2, "json"), "damaged").unwrap();
    for step in [3, 2] {
        let error = store.latest().unwrap_err().to_string();
        let (_, rest) = error.split_once("delete ").unwrap();
        let (path, _) = rest.split_once(", and the run").unwrap();
        assert_eq!(Path::new(path), store.path(step));
        fs::remove_file(path).unwrap();
    }
    assert_eq!(store.latest().unwrap().unwrap(), whole(1));
}

/// A score that JSON has no number for.
#[test]
fn an_infinite_score_comes_back() {
    let (_dir, store) = store();
    let store = store.keep_best(Best::Lowest);
    for (step, score) in [(1, f64::INFINITY), (2, f64::NEG_INFINITY), (3, 0.0)] {
        store.save(&Checkpoint::new(step).score(score)).unwrap();
        assert_eq!(store.load(step).unwrap().score, Some(score));
    }
    assert_eq!(store.best().unwrap().unwrap().step, 2);
}

#[test]
fn a_number_that_json_has_not_is_an_error() {
    let error = Checkpoint::new(1)
        .with_value("x", &vec![Some(f64::NAN)])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`x`: a number in it is NaN, which JSON can't hold; save it as a text, or by its bits"
    );
}

/// Files of version 2 as they were before the tensors had PyTorch's names.
#[test]
fn a_checkpoint_with_dfdxs_names_is_read() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/checkpoint_v2");
    let old = CheckpointStore::open(fixture).unwrap().load(3).unwrap();
    let tensors = &old.part("model").unwrap().tensors;
    let mut model = model(5);
    old.load_module("model", &mut model).unwrap();
    let now = module_state(&model).unwrap().tensors;
    assert_eq!(now.len(), tensors.len());
    for (was, is) in [
        ("0.weight", "0.weight"),
        ("1.scale", "1.weight"),
        ("1.bias", "1.bias"),
        ("1.running_var", "1.running_var"),
    ] {
        assert_eq!(now[is], tensors[was]);
    }
    let mut opt = adam(&mut model);
    old.load_state("optimizer", &mut opt).unwrap();
    assert_eq!(opt.state().unwrap(), *old.part("optimizer").unwrap());
}

#[test]
fn two_tensors_of_one_name_are_told() {
    let mut state = module_state(&model(1)).unwrap();
    let twice = state.tensors["1.weight"].clone();
    state.tensors.insert("1.scale".to_owned(), twice);
    let error = load_module(&mut model(1), &state).unwrap_err();
    assert!(error.to_string().contains("1."), "{error}");
}
