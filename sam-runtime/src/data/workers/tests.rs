use std::{
    num::NonZero,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use dfdx::{shapes::Rank1, tensor::Cpu};

use crate::data::{Augment, DataError, DataLoader, Dataset, Glyphs, Sample};

/// Samples that are their index, and what happens when one is read.
struct Reads<F> {
    len: usize,
    then: F,
}

impl<F: Fn(usize) -> Result<(), DataError> + Send + Sync> Dataset for Reads<F> {
    type Item = Sample<Rank1<1>, 2>;

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        (self.then)(index)?;
        Sample::new(vec![index as f32], 0)
    }
}

fn loader<F: Fn(usize) -> Result<(), DataError> + Send + Sync>(
    len: usize,
    then: F,
) -> DataLoader<Reads<F>, 2> {
    DataLoader::new(Reads { len, then }).unwrap().shuffle(false)
}

/// Waits for a condition that other threads bring about.
fn eventually(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn batches_are_the_same_with_any_number_of_workers() {
    let dev = Cpu::default();
    let plain = DataLoader::<_, 16>::new(Glyphs::train(200, 1))
        .unwrap()
        .seed(3);
    let batches = |workers, prefetch| -> Vec<(Vec<f32>, Vec<f32>)> {
        let loader = plain
            .clone()
            .workers(workers)
            .prefetch(NonZero::new(prefetch).unwrap());
        let epoch = loader.epoch(&dev, 1);
        assert_eq!(epoch.len(), 12);
        epoch.map(|(x, y)| (x.as_vec(), y.as_vec())).collect()
    };
    let alone = batches(0, 1);
    for (workers, prefetch) in [(1, 1), (2, 2), (3, 1), (5, 4), (64, 1)] {
        assert_eq!(batches(workers, prefetch), alone);
    }
}

#[test]
fn augmentation_does_not_depend_on_the_workers() {
    let dev = Cpu::default();
    let images = crate::data::Images::<dfdx::shapes::Rank3<1, 4, 4>, 2>::new(
        (0..160).map(|i| i as u8).collect(),
        vec![0; 10],
    )
    .unwrap();
    let loader = DataLoader::<_, 3>::new(images)
        .unwrap()
        .augment(Augment::basic().mixup(0.5).unwrap());
    let batches = |workers| -> Vec<Vec<f32>> {
        let loader = loader.clone().workers(workers);
        loader.epoch(&dev, 2).map(|(x, _)| x.as_vec()).collect()
    };
    assert_eq!(batches(0), batches(2));
    assert_eq!(batches(0), batches(4));
}

#[test]
fn slow_batches_come_in_their_turn() {
    // Every third sample takes long.
    let loader = loader(40, |index| {
        if index % 3 == 0 {
            sleep(Duration::from_millis(3));
        }
        Ok(())
    });
    let loader = loader.workers(4);
    let epoch = loader.epoch(&Cpu::default(), 0);
    let seen: Vec<f32> = epoch.flat_map(|(x, _)| x.as_vec()).collect();
    assert_eq!(seen, (0..40).map(|i| i as f32).collect::<Vec<_>>());
}

#[test]
fn a_panic_is_an_error_of_its_batch_and_no_other() {
    for workers in [1, 2, 3] {
        let loader = loader(12, |index| match index {
            5 => panic!("sample {index} is cursed"),
            8 => Err(DataError::Other("sample 8 is on fire".into())),
            _ => Ok(()),
        });
        let loader = loader.workers(workers);
        let results: Vec<_> = loader.try_epoch(&Cpu::default(), 0).collect();
        let ok: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(ok, [true, true, false, true, false, true]);
        let text = |i: usize| results[i].as_ref().unwrap_err().to_string();
        assert_eq!(text(2), "reading batch 2 panicked: sample 5 is cursed");
        assert_eq!(text(4), "sample 8 is on fire");
    }
}

#[test]
fn a_worker_that_hangs_is_reported_and_nothing_hangs_with_it() {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock().unwrap();
    let inside = Arc::clone(&gate);
    let loader = loader(12, move |index| {
        if index == 6 {
            drop(inside.lock());
        }
        Ok(())
    });
    let loader = loader.workers(2).timeout(Duration::from_millis(60));
    let mut epoch = loader.try_epoch(&Cpu::default(), 0);
    for _ in 0..3 {
        assert!(epoch.next().unwrap().is_ok());
    }
    let error = epoch.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "batch 3 did not come within 0.06 s; a worker hangs, or needs a longer `timeout`"
    );
    // The order is lost: it ends, and dropping it waits for nobody.
    assert!(epoch.next().is_none());
    drop(epoch);
    drop(held);
}

#[test]
fn no_more_is_held_than_was_said_and_the_workers_end_with_the_loop() {
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let loader = loader(200, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let loader = loader.workers(3).prefetch(NonZero::new(2).unwrap());
    let mut epoch = loader.epoch(&Cpu::default(), 0);
    // Three workers, each with two batches waiting and one in its hands.
    let held = 3 * (2 + 1) * 2;
    eventually(|| reads.load(Ordering::SeqCst) == held);
    sleep(Duration::from_millis(30));
    assert_eq!(reads.load(Ordering::SeqCst), held);
    epoch.next();
    eventually(|| reads.load(Ordering::SeqCst) == held + 2);
    // The loader has one handle on the data set, and each worker one.
    let dataset = Arc::downgrade(&loader.dataset);
    drop((epoch, loader));
    eventually(|| dataset.strong_count() == 0);
    assert!(reads.load(Ordering::SeqCst) <= held + 2 + 3 * 2);
}
