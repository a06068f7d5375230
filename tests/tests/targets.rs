//! Samples that are no class: regression, several targets, weights, token ids, sequences. The whole loader serves them.

use std::{num::NonZero, sync::Arc};

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    data::{
        Class, Collate, Draw, InMemory, LastBatch, Padded, Position, Ragged, Sampler,
        TensorDataset, Transform, Values, from_fn,
    },
    prelude::*,
};

/// Inputs, three targets and a weight, all of them told by the index.
type Weighted = ([f32; 2], [f32; 3], f32);

fn weighted(index: usize) -> Weighted {
    let i = index as f32;
    ([i, -i], [i + 0.25, i + 0.5, i + 0.75], 1.0 / (i + 1.0))
}

fn weighted_set(len: usize) -> InMemory<Weighted> {
    (0..len).map(weighted).collect()
}

type Three<const B: usize> = (
    Tensor<Rank2<B, 2>, f32, Cpu>,
    Tensor<Rank2<B, 3>, f32, Cpu>,
    Tensor<Rank1<B>, f32, Cpu>,
);

/// The rows of a batch.
fn rows<const B: usize>((x, y, w): Three<B>) -> Vec<Weighted> {
    let rows = x.array().into_iter().zip(y.array()).zip(w.array());
    rows.map(|((x, y), w)| (x, y, w)).collect()
}

fn wanted(indices: &[usize]) -> Vec<Weighted> {
    indices.iter().map(|&index| weighted(index)).collect()
}

#[test]
fn order_workers_positions_and_padding_are_those_of_classes() {
    let dev = Cpu::default();
    // 4: read by one thread. 32: by all.
    fn check<const B: usize>(dev: &Cpu, len: usize) {
        for workers in [0, 1, 3] {
            for last in [LastBatch::Drop, LastBatch::Pad] {
                let loader = DataLoader::<_, B>::new(weighted_set(len)).unwrap();
                let loader = loader.seed(7).workers(workers).last(last);
                let loader = loader.prefetch(NonZero::<usize>::MIN);
                for epoch in 0..2 {
                    let mut order = loader.order(epoch);
                    assert_eq!(order, sam_runtime::data::epoch_order(7, epoch, len));
                    let whole = loader.len() * B;
                    let again = order.clone();
                    order.extend(again);
                    order.truncate(whole);
                    for first in [0, 1, loader.len()] {
                        let from = Position {
                            epoch,
                            batch: first,
                        };
                        let seen: Vec<_> = loader.epoch(dev, from).flat_map(rows).collect();
                        assert_eq!(seen, wanted(&order[first * B..]));
                    }
                }
            }
        }
    }
    check::<4>(&dev, 22);
    check::<32>(&dev, 150);
}

#[test]
fn shards_together_are_one_loader() {
    let dev = Cpu::default();
    let whole = DataLoader::<_, 8>::new(weighted_set(40)).unwrap().seed(3);
    let whole: Vec<_> = whole.epoch(&dev, 1).flat_map(rows).collect();
    let shard = |rank| {
        let loader = DataLoader::<_, 4>::new(weighted_set(40)).unwrap().seed(3);
        let batches = loader.shard(rank, 2).unwrap().epoch(&dev, 1);
        batches.map(rows).collect::<Vec<_>>()
    };
    let both = shard(0).into_iter().zip(shard(1));
    assert_eq!(
        both.flat_map(|(a, b)| [a, b].concat()).collect::<Vec<_>>(),
        whole
    );
}

#[test]
fn chunks_and_dynamic_epochs_show_each_sample_once() {
    let dev = Cpu::default();
    let loader = DataLoader::<_, 20>::new(weighted_set(50)).unwrap();
    type Some = (
        Tensor<(usize, Const<2>), f32, Cpu>,
        Tensor<(usize, Const<3>), f32, Cpu>,
        Tensor<(usize,), f32, Cpu>,
    );
    let read = |batches: &mut dyn Iterator<Item = Some>| {
        let (mut sizes, mut weights) = (Vec::new(), Vec::new());
        for (x, y, w) in batches {
            assert_eq!((x.shape().0, y.shape().0), (w.shape().0, w.shape().0));
            sizes.push(w.shape().0);
            weights.extend(w.as_vec());
        }
        (sizes, weights)
    };
    let of = |indices: Vec<usize>| indices.into_iter().map(|i| weighted(i).2).collect();
    let chunks = read(&mut loader.chunks(&dev, 20));
    assert_eq!(chunks, (vec![20, 20, 10], of((0..50).collect())));
    let dynamic = read(&mut loader.dynamic_epoch(&dev, 3));
    assert_eq!(dynamic, (vec![20, 20, 10], of(loader.order(3))));
}

#[test]
fn a_sample_is_its_values_and_its_class() {
    let dev = Cpu::default();
    let digits = Glyphs::train(40, 3);
    let pairs = digits.clone().try_map(|sample: Sample<Rank1<784>, 10>| {
        let x = Values::<Rank1<784>>::new(sample.input().to_vec())?;
        Ok((x, Class::<10>::new(sample.label())?))
    });
    let a = DataLoader::<_, 16>::new(digits).unwrap().seed(2);
    let b = DataLoader::<_, 16>::new(pairs).unwrap().seed(2);
    for ((x, y), (v, c)) in a.epoch(&dev, 1).zip(b.epoch(&dev, 1)) {
        assert_eq!((x.as_vec(), y.as_vec()), (v.as_vec(), c.as_vec()));
    }
}

#[test]
fn arrays_in_memory_are_rows() {
    let dev = Cpu::default();
    let x: Vec<f32> = (0..24).map(|i| i as f32).collect();
    // Masks of 2 x 1, and one number.
    let masks = vec![true, false, false, true, true, true];
    let data = TensorDataset::<Rank3<2, 2, 2>, Rank2<2, 1>, f32, bool>::new(x.clone(), masks);
    let loader = DataLoader::<_, 3>::new(data.unwrap())
        .unwrap()
        .shuffle(false);
    let (pictures, masks) = loader.epoch(&dev, 0).next().unwrap();
    let pictures: Tensor<Rank4<3, 2, 2, 2>, f32, Cpu> = pictures;
    assert_eq!(pictures.as_vec(), x);
    assert_eq!(
        masks.array(),
        [[[true], [false]], [[false], [true]], [[true], [true]]]
    );
    let numbers = TensorDataset::<Rank1<12>, (), f32, f64>::new(x.clone(), vec![0.5, 1.5]).unwrap();
    let (_, y) = sam_runtime::data::chunks(&numbers, &dev, 9).next().unwrap();
    let y: Tensor<(usize,), f64, Cpu> = y;
    assert_eq!(y.as_vec(), [0.5, 1.5]);

    let wrong = TensorDataset::<Rank1<12>, Rank1<2>>::new(x.clone(), vec![0.0; 5]).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "24 numbers of inputs and 5 of targets don't fit together: with 12 for each input and 2 for each target, \
         both must be whole samples, and as many"
    );
    assert!(TensorDataset::<Rank1<12>, ()>::new(x.clone(), vec![0.0; 3]).is_err());
    assert!(TensorDataset::<Rank1<7>, ()>::new(x, vec![0.0; 3]).is_err());
    // Of no width, nobody knows how many there are.
    assert!(TensorDataset::<Rank1<0>, ()>::new(vec![], vec![0.0]).is_err());
}

#[test]
fn rows_without_numbers_are_rows() {
    let dev = Cpu::default();
    let data: InMemory<([f32; 0], f32)> = (0..32).map(|i| ([], i as f32)).collect();
    let loader = DataLoader::<_, 32>::new(data).unwrap().shuffle(false);
    let (nothing, y) = loader.epoch(&dev, 0).next().unwrap();
    assert_eq!(*nothing.shape(), (Const::<32>, Const::<0>));
    assert_eq!(y.array(), std::array::from_fn(|i| i as f32));
}

/// Token ids of a length that depends on the index.
fn ids(index: usize) -> Vec<usize> {
    (0..index % 5).map(|at| 10 * index + at + 1).collect()
}

#[test]
fn sequences_are_padded_to_a_length() {
    let dev = Cpu::default();
    for workers in [0, 2] {
        let texts = from_fn(40, |index| Ok((Padded::<4>::new(ids(index), 99)?, index)));
        let loader = DataLoader::<_, 20>::new(texts)
            .unwrap()
            .seed(1)
            .workers(workers);
        for ((ids_there, mask), index) in loader.epoch(&dev, 0) {
            let rows = ids_there.array().into_iter().zip(mask.array());
            for ((row, mask), index) in rows.zip(index.array()) {
                let mut wanted = ids(index);
                let len = wanted.len();
                wanted.resize(4, 99);
                assert_eq!(row.to_vec(), wanted);
                assert_eq!(
                    mask,
                    std::array::from_fn(|at| f32::from(u8::from(at < len)))
                );
            }
        }
    }
    let long = Padded::<3>::new(vec![1, 2, 3, 4], 0).unwrap_err();
    assert_eq!(
        long.to_string(),
        "a sequence of 4 values was given for a length of 3; choose a longer one, or cut it with `Padded::cut`"
    );
    assert_eq!(Padded::<3>::cut(vec![1, 2, 3, 4], 0).values(), [1, 2, 3]);
}

#[test]
fn sequences_are_as_long_as_the_longest_of_their_batch() {
    let dev = Cpu::default();
    let texts = from_fn(45, |index| Ok((Ragged::new(ids(index), 0), index)));
    let loader = DataLoader::<_, 4>::new(texts).unwrap().seed(8).workers(2);
    let mut lengths = Vec::new();
    for ((there, mask), index) in loader.epoch(&dev, 2) {
        let there: Tensor<(Const<4>, usize), usize, Cpu> = there;
        let longest = index
            .array()
            .map(|index| ids(index).len())
            .into_iter()
            .max();
        let longest = longest.unwrap();
        assert_eq!((there.shape().1, mask.shape().1), (longest, longest));
        lengths.push(longest);
        for (row, index) in index.array().into_iter().enumerate() {
            let mut wanted = ids(index);
            let mut ones = vec![1.0; wanted.len()];
            wanted.resize(longest, 0);
            ones.resize(longest, 0.0);
            let of = row * longest..(row + 1) * longest;
            assert_eq!(there.as_vec()[of.clone()], wanted);
            assert_eq!(mask.as_vec()[of], ones);
        }
    }
    assert!(lengths.iter().any(|&length| length != lengths[0]));
    let total: f32 = loader
        .chunks(&dev, 45)
        .map(|((_, mask), _)| mask.as_vec().iter().sum::<f32>())
        .sum();
    let wanted: f32 = (0..45).map(|index| ids(index).len() as f32).sum();
    assert_eq!(total, wanted);
}

/// A type of one's own, whose parts may not be right.
#[derive(Clone)]
struct Reading(f32);

impl Collate for Reading {
    type Parts = (f32, f32);

    fn parts(self) -> Result<(f32, f32), DataError> {
        match self.0.is_finite() {
            true => Ok((self.0, self.0 * 2.0)),
            false => Err(DataError::Other("the sensor was off".into())),
        }
    }
}

#[test]
fn a_type_says_which_parts_it_has_and_an_error_is_its_batchs() {
    let dev = Cpu::default();
    let mut readings: Vec<Reading> = (0..48).map(|i| Reading(i as f32)).collect();
    readings[40] = Reading(f32::NAN);
    for workers in [0, 2] {
        let loader = DataLoader::<_, 16>::new(InMemory::new(readings.clone())).unwrap();
        let loader = loader.shuffle(false).workers(workers);
        let batches: Vec<_> = loader.try_epoch(&dev, 0).collect();
        let [Ok((x, y)), Ok(_), Err(error)] = &batches[..] else {
            panic!("two batches are whole");
        };
        assert_eq!(x.array().map(|x| x * 2.0), y.array());
        assert_eq!(error.to_string(), "the sensor was off");
    }
}

/// Adds what it draws to inputs, and the number of the batch to targets.
struct Jitter;

impl Transform<InMemory<Weighted>> for Jitter {
    fn sample(&self, data: &InMemory<Weighted>, draw: Draw) -> Result<Weighted, DataError> {
        use rand::Rng;
        let (x, y, w) = data.get(draw.index)?;
        let noise: f32 = draw.rng().r#gen();
        Ok((x.map(|x| x + noise), y, w))
    }

    fn batch(&self, inputs: &mut [f32], targets: &mut [f32], rows: usize, draw: Draw) {
        assert_eq!((inputs.len(), targets.len()), (rows * 2, rows * 3));
        targets
            .iter_mut()
            .for_each(|y| *y += 1000.0 * draw.index as f32);
    }
}

#[test]
fn transforms_see_inputs_and_targets() {
    let dev = Cpu::default();
    let loader = DataLoader::<_, 4>::new(weighted_set(20))
        .unwrap()
        .augment(Jitter);
    let read = |workers| -> Vec<Weighted> {
        let loader = loader.clone().workers(workers);
        loader.epoch(&dev, 1).flat_map(rows).collect()
    };
    let seen = read(0);
    assert_eq!(seen, read(3));
    for (at, ((x, y, w), index)) in seen.into_iter().zip(loader.order(1)).enumerate() {
        let (clean, target, weight) = weighted(index);
        assert!(x[0] > clean[0] && x[0] < clean[0] + 1.0);
        let moved = 1000.0 * (at / 4) as f32;
        assert_eq!((y, w), (target.map(|y| y + moved), weight));
    }
}

type Regression = (Linear<2, 16>, Tanh, Linear<16, 1>);

/// The least-squares line through noise, by SAM, in micro-batches: the loader's tensors go through the attribute.
#[sam_train(rho = 0.01, m = 8)]
fn fit(loader: &DataLoader<InMemory<([f32; 2], [f32; 1])>, 32>, epochs: usize) -> (f32, f32) {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Regression, f32>();
    let mut opt = Adam::new(
        &model,
        AdamConfig {
            lr: 0.01,
            ..Default::default()
        },
    );
    let mut grads = model.alloc_grads();
    let (mut first, mut last) = (f32::NAN, f32::NAN);
    for epoch in 0..epochs {
        for (x, y) in loader.epoch(&dev, epoch) {
            let predicted = model.forward_mut(x.traced(grads));
            let loss = mse_loss(predicted, y);
            last = loss.array();
            if first.is_nan() {
                first = last;
            }
            grads = loss.backward();
            opt.update(&mut model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }
    (first, last)
}

#[test]
fn a_regression_is_learned() {
    let points = (0..256).map(|i| [(i % 16) as f32 / 8.0 - 1.0, (i / 16) as f32 / 8.0 - 1.0]);
    let data = points.map(|[a, b]| ([a, b], [(a + 2.0 * b).sin()]));
    let loader = DataLoader::<_, 32>::new(data.collect()).unwrap();
    let (first, last) = fit(&loader, 40);
    assert!(last < 0.05 && last < first / 5.0, "{first} to {last}");
}

/// Token ids go through the attribute, too, with their masks.
#[sam_train(rho = 0.01, m = 4)]
fn read_texts<Ds: Dataset<Item = (Padded<6>, Class<2>)> + 'static>(
    loader: &DataLoader<Ds, 16>,
) -> f32 {
    let dev = Cpu::seed_from_u64(3);
    let embedding = dev.build_module::<dfdx::nn::builders::Embedding<20, 8>, f32>();
    let linear = dev.build_module::<dfdx::nn::builders::Linear<8, 2>, f32>();
    let mut model: (_, _) = (embedding, linear);
    let mut opt = Adam::new(
        &model,
        AdamConfig {
            lr: 0.02,
            ..Default::default()
        },
    );
    let mut grads = model.alloc_grads();
    let mut last = f32::NAN;
    for epoch in 0..30 {
        for ((ids, mask), y) in loader.epoch(&dev, epoch) {
            let weights: Tensor<Rank3<16, 6, 8>, f32, Cpu> = mask.broadcast();
            let rows = model.0.forward_mut(ids.traced(grads));
            let mean = (rows * weights).sum::<_, Axis<1>>() / 6.0;
            let logits = model.1.forward_mut(mean);
            let loss = cross_entropy_with_logits_loss(logits, y);
            last = loss.array();
            grads = loss.backward();
            opt.update(&mut model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }
    last
}

#[test]
fn texts_are_learned() {
    // Whether a text has a word above 14.
    let texts = from_fn(64, |index| {
        let class = index % 2;
        let mut ids: Vec<usize> = (0..1 + index % 5)
            .map(|at| (7 * index + 3 * at) % 15)
            .collect();
        if class == 1 {
            ids[0] = 15 + index % 5;
        }
        Ok((Padded::<6>::new(ids, 0)?, Class::new(class)?))
    });
    let last = read_texts(&DataLoader::<_, 16>::new(texts).unwrap());
    assert!(last < 0.3, "{last}");
}

/// Draws backwards.
#[derive(Debug)]
struct Backwards;

impl Sampler for Backwards {
    fn order(&self, samples: usize, _seed: u64, epoch: usize) -> Vec<usize> {
        (0..samples)
            .rev()
            .cycle()
            .skip(epoch)
            .take(samples)
            .collect()
    }
}

#[test]
fn a_sampler_of_ones_own_is_resumed_anywhere() {
    let dev = Cpu::default();
    let shared = Arc::new(weighted_set(22));
    for workers in [0, 2] {
        let loader = DataLoader::<_, 4>::new(Arc::clone(&shared)).unwrap();
        let loader = loader.sampler(Backwards).unwrap().workers(workers);
        let rest = |batch| -> Vec<Weighted> {
            let from = Position { epoch: 3, batch };
            loader.epoch(&dev, from).flat_map(rows).collect()
        };
        let all = rest(0);
        let order: Vec<usize> = (0..22).rev().cycle().skip(3).take(20).collect();
        assert_eq!(all, wanted(&order));
        for batch in 0..=loader.len() {
            assert_eq!(rest(batch), all[batch * 4..]);
        }
    }
}
