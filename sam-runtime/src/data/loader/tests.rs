use super::super::{Images, Sample};
use super::*;
use dfdx::shapes::{Const, HasShape, Rank1, Rank2};
use dfdx::tensor::{AsArray, Cpu, Tensor};

/// Image `i` has the single pixel `i` and the class `i % 3`.
fn numbered(n: u8) -> Images<Rank1<1>, 3> {
    Images::new(
        (0..n).collect(),
        (0..n).map(|i| usize::from(i % 3)).collect(),
    )
    .unwrap()
}

fn loader(n: u8) -> DataLoader<Images<Rank1<1>, 3>, 4> {
    DataLoader::new(numbered(n)).unwrap()
}

/// The indices of the samples that an epoch gives, read back from their pixels; their targets
/// are checked on the way.
fn seen(loader: &DataLoader<Images<Rank1<1>, 3>, 4>, epoch: usize) -> Vec<usize> {
    let mut seen = Vec::new();
    for (x, y) in loader.epoch(&Cpu::default(), epoch) {
        let x: Tensor<Rank2<4, 1>, f32, Cpu> = x;
        let y: Tensor<Rank2<4, 3>, f32, Cpu> = y;
        for ([pixel], target) in x.array().into_iter().zip(y.array()) {
            let index = (pixel * 255.0).round() as usize;
            let wanted: [f32; 3] = std::array::from_fn(|c| f32::from(u8::from(c == index % 3)));
            assert_eq!(target, wanted);
            seen.push(index);
        }
    }
    seen
}

#[test]
fn an_epoch_takes_its_order_and_drops_the_rest() {
    let loader = loader(22).seed(5);
    assert_eq!(loader.len(), 5);
    for epoch in [0, 1, 2] {
        let order = loader.order(epoch);
        assert_eq!(order, epoch_order(5, epoch, 22));
        assert_eq!(seen(&loader, epoch), order[..20]);
    }
    assert_ne!(seen(&loader, 0), seen(&loader, 1));
    assert_eq!(seen(&loader, 1), seen(&loader.clone(), 1));
}

#[test]
fn without_shuffling_samples_come_in_order() {
    let loader = loader(22).shuffle(false);
    assert_eq!(seen(&loader, 0), (0..20).collect::<Vec<_>>());
    assert_eq!(seen(&loader, 7), (0..20).collect::<Vec<_>>());
}

#[test]
fn the_iterators_know_what_is_left() {
    let (loader, dev) = (loader(22), Cpu::default());
    let mut epoch = loader.epoch(&dev, 0);
    assert_eq!(epoch.len(), 5);
    epoch.next();
    assert_eq!(epoch.len(), 4);
    assert_eq!(epoch.by_ref().count(), 4);
    assert_eq!((epoch.len(), epoch.next().is_none()), (0, true));
    let mut chunks = loader.chunks(&dev, 9);
    assert_eq!(chunks.len(), 3);
    chunks.next();
    assert_eq!(chunks.len(), 2);
}

#[test]
fn chunks_give_every_sample_once_in_order() {
    let dev = Cpu::default();
    let (mut sizes, mut pixels) = (Vec::new(), Vec::new());
    for (x, y) in loader(22).chunks(&dev, 9) {
        assert_eq!(*y.shape(), (x.shape().0, Const::<3>));
        sizes.push(x.shape().0);
        pixels.extend(
            x.as_vec()
                .iter()
                .map(|pixel| (pixel * 255.0).round() as usize),
        );
    }
    assert_eq!(sizes, [9, 9, 4]);
    assert_eq!(pixels, (0..22).collect::<Vec<_>>());
    // Also of a data set too small for any loader, and of an empty one.
    assert_eq!(chunks(&numbered(2), &dev, 9).len(), 1);
    assert!(chunks(&numbered(0), &dev, 9).next().is_none());
}

#[test]
fn too_little_data_is_refused() {
    assert_eq!(
        DataLoader::<_, 4>::new(numbered(3))
            .unwrap_err()
            .to_string(),
        "a data set of 3 samples doesn't fill one batch of 4; use a smaller batch size or more data, \
         or `DataLoader::padded` (`chunks` takes any number of samples)"
    );
}

#[test]
fn a_data_set_smaller_than_a_batch_can_be_padded_or_given_as_it_is() {
    let dev = Cpu::default();
    for n in 1..=4 {
        let loader = DataLoader::<_, 4>::padded(numbered(n)).unwrap().seed(5);
        for loader in [loader.clone(), loader.clone().last(LastBatch::Drop)] {
            assert_eq!(loader.len(), 1);
            let order = loader.order(2);
            let wanted: Vec<usize> = (0..4).map(|row| order[row % order.len()]).collect();
            assert_eq!(seen(&loader, 2), wanted);
        }
        let mut dynamic = loader.dynamic_epoch(&dev, 2);
        let (x, _) = dynamic.next().unwrap();
        assert_eq!((x.as_vec().len(), dynamic.len()), (usize::from(n), 0));
    }
    // Of more, it is as any other with `Pad`.
    let (padded, other) = (DataLoader::padded(numbered(22)).unwrap(), loader(22));
    assert_eq!(seen(&padded, 1), seen(&other.last(LastBatch::Pad), 1));
    assert_eq!(
        DataLoader::<_, 4>::padded(numbered(0))
            .unwrap_err()
            .to_string(),
        "the data set has no sample, so there is nothing to make a batch of; give it some data"
    );
}

/// A cache, say: what it computes, on all threads, it computes under a lock.
struct Locked(std::sync::Mutex<u64>);

impl Dataset for Locked {
    type Item = Sample<Rank1<2>, 2>;
    fn len(&self) -> usize {
        256
    }
    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        use rayon::prelude::*;
        let mut calls = self.0.lock().unwrap();
        let parts = (0..2_000_u32).into_par_iter().with_max_len(1);
        let sum: f64 = parts.map(|x| f64::from(x).sqrt()).sum();
        *calls += u64::from(sum > 0.0);
        Sample::new(vec![index as f32; 2], index % 2)
    }
}

#[test]
fn a_data_set_may_compute_on_all_threads_under_a_lock() {
    let (to, from) = std::sync::mpsc::channel();
    // So many that one has nothing to do while it waits for another, whatever the machine has.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build();
    // A thread that would hang must not hold up the test.
    pool.unwrap().spawn(move || {
        let locked = Locked(std::sync::Mutex::new(0));
        let loader = DataLoader::<_, 64>::new(locked).unwrap().shuffle(false);
        let dev = Cpu::default();
        let mut rows = Vec::new();
        for _ in 0..5 {
            rows.extend(loader.epoch(&dev, 0).flat_map(|(x, _)| x.as_vec()));
            rows.extend(loader.chunks(&dev, 50).flat_map(|(x, _)| x.as_vec()));
        }
        let calls = *loader.dataset().0.lock().unwrap();
        to.send((rows, calls)).unwrap();
    });
    let told = from.recv_timeout(Duration::from_secs(120));
    let (rows, calls) = told.expect("the loader hangs");
    assert_eq!(calls, 10 * 256);
    let wanted = (0..10).flat_map(|_| (0..256).flat_map(|index| [index as f32; 2]));
    assert!(rows.into_iter().eq(wanted));
}

/// A data set whose sample 5 can't be read.
struct Broken;

impl Dataset for Broken {
    type Item = Sample<Rank1<1>, 3>;
    fn len(&self) -> usize {
        8
    }
    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        if index == 5 {
            return Err(DataError::Other("sample 5 is on fire".into()));
        }
        numbered(8).get(index)
    }
}

#[test]
fn an_error_takes_its_batch_and_no_other() {
    let loader = DataLoader::<_, 2>::new(Broken).unwrap().shuffle(false);
    let batches: Vec<_> = loader.try_epoch(&Cpu::default(), 0).collect();
    let ok: Vec<bool> = batches.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, true, false, true]);
    assert_eq!(
        batches[2].as_ref().unwrap_err().to_string(),
        "sample 5 is on fire"
    );
    assert!(
        loader
            .try_chunks(&Cpu::default(), 8)
            .next()
            .unwrap()
            .is_err()
    );
}

#[test]
#[should_panic(expected = "sample 5 is on fire")]
fn the_plain_iterator_panics_with_the_text() {
    DataLoader::<_, 8>::new(Broken)
        .unwrap()
        .epoch(&Cpu::default(), 0)
        .count();
}

#[test]
#[should_panic(expected = "a chunk needs at least one sample")]
fn a_chunk_of_nothing_panics() {
    loader(4).chunks(&Cpu::default(), 0);
}

/// Where a batch is large enough for several threads, too.
#[test]
fn of_several_errors_the_first_is_the_batchs() {
    struct Odd;
    impl Dataset for Odd {
        type Item = Sample<Rank1<1>, 3>;
        fn len(&self) -> usize {
            64
        }
        fn get(&self, index: usize) -> Result<Self::Item, DataError> {
            match index % 2 {
                0 => Sample::new(vec![index as f32], index % 3),
                _ => Err(DataError::Other(format!("sample {index}").into())),
            }
        }
    }
    let loader = DataLoader::<_, 64>::new(Odd).unwrap().seed(2);
    let first = loader.order(0).into_iter().find(|i| i % 2 == 1).unwrap();
    for _ in 0..20 {
        let batch = loader.try_epoch(&Cpu::default(), 0).next().unwrap();
        assert_eq!(batch.err().unwrap().to_string(), format!("sample {first}"));
    }
}

#[test]
fn padding_sees_the_first_samples_twice() {
    let loader = loader(22).seed(5).last(LastBatch::Pad);
    assert_eq!(loader.len(), 6);
    let mut expected = loader.order(2);
    expected.extend_from_within(..2);
    assert_eq!(seen(&loader, 2), expected);
    // Nothing is missing from whole batches.
    let whole = super::tests::loader(20).last(LastBatch::Pad);
    assert_eq!(seen(&whole, 0), whole.order(0));
}

#[test]
fn a_dynamic_epoch_shows_every_sample_once() {
    let loader = loader(22).seed(5);
    let (mut sizes, mut pixels) = (Vec::new(), Vec::new());
    for (x, _) in loader.dynamic_epoch(&Cpu::default(), 1) {
        sizes.push(x.shape().0);
        pixels.extend(x.as_vec().iter().map(|p| (p * 255.0).round() as usize));
    }
    assert_eq!(sizes, [4, 4, 4, 4, 4, 2]);
    assert_eq!(pixels, loader.order(1));
}

#[test]
fn an_epoch_goes_on_where_it_was_left() {
    let dev = Cpu::default();
    for workers in [0, 3] {
        let loader = loader(22).seed(5).workers(workers);
        let rest = |batch| -> Vec<Vec<f32>> {
            let from = Position { epoch: 1, batch };
            loader.epoch(&dev, from).map(|(x, _)| x.as_vec()).collect()
        };
        let all = rest(0);
        for batch in 0..=all.len() {
            assert_eq!(rest(batch), all[batch..]);
        }
        assert!(rest(99).is_empty());
    }
}

#[test]
fn what_a_step_draws_depends_on_its_batch_alone() {
    let dev = Cpu::default();
    let drawn = |seed, from: Position| -> Vec<Vec<f32>> {
        let loader = loader(22).seed(seed);
        let batches = loader.epoch(&dev, from);
        batches
            .map(|(x, _)| (x * 0.0 + 1.0).dropout(0.5).as_vec())
            .collect()
    };
    let all = drawn(5, 1.into());
    assert_eq!(drawn(5, Position { epoch: 1, batch: 2 }), all[2..]);
    assert_ne!(drawn(6, 1.into()), all);
    assert_ne!(drawn(5, 2.into()), all);
    assert_ne!(all[0], all[1]);
}

#[test]
fn shards_are_disjoint_and_whole_and_have_as_many_batches() {
    for n in [4, 7, 8, 23, 40, 64] {
        for size in 1..=4 {
            for last in [LastBatch::Drop, LastBatch::Pad] {
                let shard = |rank| loader(n).seed(3).last(last).shard(rank, size).unwrap();
                for epoch in [0, 1] {
                    let batches: Vec<Vec<Vec<usize>>> = (0..size)
                        .map(|rank| {
                            seen(&shard(rank), epoch)
                                .chunks(4)
                                .map(<[_]>::to_vec)
                                .collect()
                        })
                        .collect();
                    assert!(batches.iter().all(|mine| mine.len() == shard(0).len()));
                    // Batch by batch, rank after rank: the order of all.
                    let all: Vec<usize> = (0..shard(0).len())
                        .flat_map(|i| batches.iter().flat_map(move |mine| mine[i].clone()))
                        .collect();
                    let order = loader(n).seed(3).order(epoch);
                    let wanted: Vec<usize> = order.into_iter().cycle().take(all.len()).collect();
                    assert_eq!(all, wanted, "{n} samples, {size} ranks, {last:?}");
                }
            }
        }
    }
    let wrong = loader(8).shard(2, 2).unwrap_err().to_string();
    assert_eq!(wrong, "there is no rank 2 of 2; ranks are counted from 0");
}

#[test]
fn dynamic_shards_share_the_last_group() {
    type Batch = (
        Tensor<(usize, Const<1>), f32, Cpu>,
        Tensor<(usize, Const<3>), f32, Cpu>,
    );
    for (n, wanted) in [
        (4, vec![1]),
        (8, vec![2]),
        (13, vec![4]),
        (30, vec![4, 4, 2]),
    ] {
        for rank in 0..3 {
            let shard = loader(n).shard(rank, 3).unwrap();
            let batches = shard.dynamic_epoch(&Cpu::default(), 0);
            let sizes: Vec<usize> = batches.map(|(x, _): Batch| x.shape().0).collect();
            assert_eq!(sizes, wanted, "{n} samples");
        }
    }
}

/// Of 20 samples, the label of number 13 is that of no class.
struct Mislabelled;

impl Dataset for Mislabelled {
    type Item = Sample<Rank1<1>, 3>;
    fn len(&self) -> usize {
        20
    }
    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        Sample::new(vec![0.0], if index == 13 { 7 } else { index % 3 })
    }
}

#[test]
fn a_bad_label_names_its_sample() {
    let dev = Cpu::default();
    let text = "the label of sample 13 is 7, which is not below 3, the number of classes; labels count from 0";
    for workers in [0, 2] {
        let loader = DataLoader::<_, 4>::new(Mislabelled)
            .unwrap()
            .seed(5)
            .workers(workers);
        let errors: Vec<String> = loader
            .try_epoch(&dev, 1)
            .filter_map(|batch| batch.err().map(|error| error.to_string()))
            .collect();
        assert_eq!(errors, [text]);
        let chunks = loader.try_chunks(&dev, 8);
        assert_eq!(
            chunks.filter_map(Result::err).next().unwrap().to_string(),
            text
        );
    }
}
