//! Ranks on threads: what `bin/ranks.rs` does with MPI, and more.

use std::time::{Duration, Instant};

use sam_runtime::{
    distributed::{Alone, Threads},
    run::{checkpoint::CheckpointStore, metrics::read_jsonl, stop::Stop},
};
use sam_tests::ranks::{Failure, run::run, steps};

#[test]
fn ranks_have_the_bits_of_one_process_with_as_many_chunks() {
    for size in 1..=4 {
        Threads::run(size, |world| steps::compare_all(&world)).unwrap();
    }
}

#[test]
fn clip_bounds_the_mean() {
    Threads::run(2, |world| steps::clip_is_of_the_mean(&world)).unwrap();
}

#[test]
fn a_nan_on_one_rank_is_that_of_all() {
    for size in [2, 3] {
        Threads::run(size, |world| steps::nan_is_of_all(&world)).unwrap();
    }
}

/// What a run on `size` ranks ends with, on each of them alike.
fn ended(size: usize, out: &std::path::Path, changes: &str) -> sam_tests::ranks::run::Ended {
    let all = Threads::run(size, |world| run(&world, out, changes)).unwrap();
    assert!(all.iter().all(|one| *one == all[0]));
    all[0].clone()
}

fn is_near(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn a_run_ends_alike_on_any_number_of_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let alone = run(&Alone, &dir.path().join("alone"), "").unwrap();
    assert_eq!((alone.stop, alone.steps), (Stop::Finished, 16));
    let losses = |name: &str| -> Vec<f64> {
        let records = read_jsonl(dir.path().join(name).join("metrics.jsonl")).unwrap();
        records
            .iter()
            .filter_map(|record| record.get("loss"))
            .collect()
    };
    for size in [2, 4] {
        let name = format!("on-{size}");
        let found = ended(size, &dir.path().join(&name), "");
        assert_eq!((found.stop, found.steps), (alone.stop, alone.steps));
        assert!(is_near(&found.weights, &alone.weights));
        assert!(size == 2 || found.weights == alone.weights);
        // What is recorded is the mean over the ranks.
        assert_eq!(losses(&name).len(), 8);
        for (found, expected) in losses(&name).iter().zip(losses("alone")) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let alone = run(&Alone, &dir.path().join("alone"), "").unwrap();
    let out = dir.path().join("moved");
    assert_eq!(ended(4, &out, "epochs = 1").steps, 8);
    // As if it had been killed before the last two checkpoints.
    let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
    assert_eq!(store.steps().unwrap(), [3, 6, 8]);
    for name in std::fs::read_dir(store.dir()).unwrap() {
        let path = name.unwrap().path();
        if path.to_str().unwrap().contains("step-000000008") {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(ended(4, &out, "resume = true\nepochs = 1").steps, 8);
    let found = ended(1, &out, "resume = true");
    assert_eq!(found.steps, alone.steps);
    assert!(found.weights == alone.weights);
    // It is over, so that this one only reads.
    assert!(ended(2, &out, "resume = true").weights == alone.weights);
}

#[test]
fn one_rank_whose_time_is_over_stops_all() {
    let dir = tempfile::tempdir().unwrap();
    let all = Threads::run(2, |world| {
        let is_last = sam_runtime::distributed::World::rank(&world) == 1;
        let changes = if is_last { "minutes = 1e-9" } else { "" };
        run(&world, dir.path(), changes)
    })
    .unwrap();
    for ended in all {
        assert_eq!((ended.stop, ended.steps), (Stop::TimeLimit, 1));
    }
    let store = CheckpointStore::open(dir.path().join("checkpoints")).unwrap();
    assert_eq!(store.steps().unwrap(), [1]);
}

#[test]
fn what_the_first_rank_refuses_ends_all_soon() {
    let dir = tempfile::tempdir().unwrap();
    run(&Alone, dir.path(), "epochs = 1").unwrap();
    let begin = Instant::now();
    let error = Threads::run(2, |world| run(&world, dir.path(), "")).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(30));
    let error: &Failure = error.error.as_ref().unwrap();
    assert!(
        error
            .to_string()
            .contains("has the checkpoints of an earlier run"),
        "{error}"
    );
}
