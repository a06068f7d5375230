//! Laws of splits, folds and samplers: parts are disjoint and whole, strata keep their shares, groups stay together, and all is
//! a function of the seed.

use std::collections::{BTreeMap, BTreeSet};

use dfdx::prelude::*;
use sam_runtime::{
    data::{
        BalancedSampler, Class, InMemory, Position, Sampler, Subset, TwoParts, WeightedSampler,
    },
    prelude::*,
};

/// A sample that knows its index, and its class.
type Numbered = (usize, Class<4>);

/// Classes of very different sizes.
fn class_of(index: usize) -> usize {
    match index % 20 {
        0 => 3,
        1 | 2 => 2,
        3..=7 => 1,
        _ => 0,
    }
}

fn numbered(len: usize) -> InMemory<Numbered> {
    let sample = |index| (index, Class::new(class_of(index)).unwrap());
    (0..len).map(sample).collect()
}

/// The indices of a part, read from its samples; they are those that it names.
fn read<Ds: Dataset<Item = Numbered>>(part: &Subset<Ds>) -> Vec<usize> {
    let read: Vec<usize> = (0..part.len()).map(|at| part.get(at).unwrap().0).collect();
    assert_eq!(read, part.indices());
    read
}

/// Disjoint, the whole together, in the order of the data set.
fn partition<Ds: Dataset<Item = Numbered>>((a, b): &TwoParts<Ds>, len: usize) -> [Vec<usize>; 2] {
    let parts = [read(a), read(b)];
    for part in &parts {
        assert!(part.is_sorted() && !part.is_empty());
    }
    let mut all = parts.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..len));
    parts
}

/// How many samples of each key there are.
fn counts<K: Ord>(indices: &[usize], key: impl Fn(usize) -> K) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for &index in indices {
        *counts.entry(key(index)).or_default() += 1;
    }
    counts
}

const SIZES: [usize; 7] = [2, 3, 10, 41, 100, 257, 1000];

#[test]
fn a_split_is_a_partition_of_the_right_size() {
    for len in SIZES {
        for share in [0.5, 0.29, 0.8] {
            let exact = len as f64 * share;
            let result = numbered(len).split(share, 5);
            if exact.round() < 1.0 || exact.round() as usize >= len {
                assert!(
                    matches!(result, Err(DataError::Split { .. })),
                    "{len} {share}"
                );
                continue;
            }
            let [first, _] = partition(&result.unwrap(), len);
            assert_eq!(first.len(), exact.round() as usize);
        }
    }
    let of = |seed| read(&numbered(100).split(0.5, seed).unwrap().0);
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    // Each sample is in the first part as often as in the second.
    let mut times = [0_u32; 100];
    (0..400).flat_map(of).for_each(|index| times[index] += 1);
    assert!(times.iter().all(|&n| n.abs_diff(200) < 50), "{times:?}");
}

#[test]
fn strata_keep_their_shares_to_within_one_sample() {
    for len in SIZES {
        for share in [0.5, 0.29, 0.8] {
            for seed in 0..5 {
                let Ok(parts) = numbered(len).split_stratified(share, seed) else {
                    continue;
                };
                let [first, _] = partition(&parts, len);
                assert_eq!(first.len(), (len as f64 * share).round() as usize);
                let all: Vec<usize> = (0..len).collect();
                let taken = counts(&first, class_of);
                for (class, all) in counts(&all, class_of) {
                    let taken = *taken.get(&class).unwrap_or(&0) as f64;
                    let exact = all as f64 * share;
                    assert!(
                        (taken - exact).abs() < 1.0,
                        "{taken} of {all} of class {class}"
                    );
                }
            }
        }
    }
    let by_label = numbered(100).split_stratified(0.7, 3).unwrap().0;
    let by_key = numbered(100)
        .split_stratified_by(0.7, 3, class_of)
        .unwrap()
        .0;
    assert_eq!(read(&by_label), read(&by_key));
}

#[test]
fn folds_partition_the_set_and_each_stratum() {
    for len in SIZES {
        for folds in [2, 3, 5, 10] {
            for stratified in [false, true] {
                let result = match stratified {
                    true => numbered(len).k_fold_stratified(folds, 9),
                    false => numbered(len).k_fold(folds, 9),
                };
                if folds > len {
                    assert!(matches!(result, Err(DataError::Folds { .. })));
                    continue;
                }
                let result = result.unwrap();
                assert_eq!(result.len(), folds);
                let mut tested = Vec::new();
                for parts in &result {
                    let [_, test] = partition(parts, len);
                    assert!(test.len() == len / folds || test.len() == len.div_ceil(folds));
                    if stratified {
                        let all: Vec<usize> = (0..len).collect();
                        let there = counts(&test, class_of);
                        for (class, all) in counts(&all, class_of) {
                            let there = *there.get(&class).unwrap_or(&0);
                            assert!(there == all / folds || there == all.div_ceil(folds));
                        }
                    }
                    tested.extend(test);
                }
                tested.sort_unstable();
                assert!(tested.into_iter().eq(0..len));
            }
        }
    }
}

#[test]
fn a_group_is_never_on_two_sides() {
    // Groups of 1 to 7 samples, not side by side.
    let group = |index: usize| format!("patient {}", (index * 7919) % 250 * (index % 3 + 1) / 9);
    for seed in 0..20 {
        for share in [0.2, 0.5, 0.9] {
            let parts = numbered(300).split_grouped(share, seed, group).unwrap();
            let [first, second] = partition(&parts, 300);
            let of = |indices: Vec<usize>| indices.into_iter().map(group).collect::<BTreeSet<_>>();
            let all: Vec<usize> = (0..300).collect();
            let largest = counts(&all, group).into_values().max().unwrap();
            let off = (first.len() as f64 - 300.0 * share).abs();
            assert!(off <= largest as f64, "{} of 300", first.len());
            assert!(of(first).is_disjoint(&of(second)));
        }
        let folds = numbered(300).k_fold_grouped(4, seed, group).unwrap();
        let mut tested = Vec::new();
        for parts in &folds {
            let [train, test] = partition(parts, 300);
            let of =
                |indices: &[usize]| -> BTreeSet<_> { indices.iter().map(|&i| group(i)).collect() };
            assert!(of(&train).is_disjoint(&of(&test)));
            assert!(test.len().abs_diff(75) <= 8, "{}", test.len());
            tested.extend(test);
        }
        tested.sort_unstable();
        assert!(tested.into_iter().eq(0..300));
    }
    // Two groups, whatever the share.
    let halves = numbered(10)
        .split_grouped(0.9, 0, |index| index > 0)
        .unwrap();
    partition(&halves, 10);
}

#[test]
fn what_cannot_be_split_is_refused() {
    let says = |result: Result<_, DataError>| {
        let error: DataError = match result {
            Ok(_) => panic!("it should be refused"),
            Err(error) => error,
        };
        error.to_string()
    };
    for share in [0.0, 1.0, -0.5, f64::NAN, f64::INFINITY] {
        let text = says(numbered(10).split(share, 0));
        assert_eq!(
            text,
            format!(
                "a share of {share} is not above 0 and below 1; 0.8 stands for 80 % of the samples"
            )
        );
    }
    assert_eq!(
        says(numbered(3).split(0.1, 0)),
        "of 3 samples, a share of 0.1 leaves one part without any; use more data, or another share"
    );
    assert!(says(numbered(0).split(0.5, 0)).starts_with("of 0 samples"));
    for folds in [0, 1, 11] {
        let text = says(
            numbered(10)
                .k_fold(folds, 0)
                .map(|_| numbered(1).split(0.5, 0).unwrap()),
        );
        assert!(text.contains(&format!("10 samples can't be dealt to {folds} folds")));
    }
    assert_eq!(
        says(numbered(10).split_grouped(0.5, 0, |_| 0)),
        "1 group(s) can't be dealt to 2 parts; use groups that are smaller, or fewer parts"
    );
    let past = numbered(10).subset(vec![3, 10]).unwrap_err().to_string();
    assert!(past.starts_with("index 10 is past the end"));
}

#[test]
fn adapters_keep_samples_and_labels() {
    let even = numbered(20).filter(|(index, _)| index % 2 == 0).unwrap();
    assert_eq!(read(&even), (0..20).step_by(2).collect::<Vec<_>>());
    let both = even.join(numbered(3));
    let seen: Vec<usize> = (0..both.len()).map(|at| both.get(at).unwrap().0).collect();
    assert_eq!(seen, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 0, 1, 2]);
    for (at, &index) in seen.iter().enumerate() {
        assert_eq!(both.label(at).unwrap(), class_of(index));
    }
    assert!(matches!(
        both.get(13),
        Err(DataError::Index { index: 13, len: 13 })
    ));
    let doubled = both.map(|(index, class)| (index * 2, class.label()));
    assert_eq!(doubled.get(12).unwrap(), (4, class_of(2)));
    let odd_fails = numbered(3).try_map(|(index, _)| match index % 2 {
        0 => Ok(index as f32),
        _ => Err(DataError::Other("odd".into())),
    });
    assert_eq!(odd_fails.get(2).unwrap(), 2.0);
    assert_eq!(odd_fails.get(1).unwrap_err().to_string(), "odd");
}

/// Pictures can be augmented in parts of a data set, too.
#[test]
fn parts_of_images_are_augmented_as_the_whole() {
    use sam_runtime::data::{Augment, Images};
    let pixels = (0..40 * 16).map(|i| (i % 251) as u8).collect();
    let images =
        Images::<Rank3<1, 4, 4>, 2>::new(pixels, (0..40).map(|i| i % 2).collect()).unwrap();
    let dev = Cpu::default();
    let read = |loader: &dyn Fn() -> Vec<f32>| loader();
    let whole = DataLoader::<_, 8>::new(images.clone())
        .unwrap()
        .shuffle(false);
    let whole = whole.augment(Augment::basic());
    let subset = images.clone().subset((0..40).collect()).unwrap();
    let subset = DataLoader::<_, 8>::new(subset)
        .unwrap()
        .shuffle(false)
        .augment(Augment::basic());
    let joined = (&images).subset((0..13).collect()).unwrap();
    let rest = (&images).subset((13..40).collect()).unwrap();
    let joined: Vec<f32> = (0..40)
        .flat_map(|at| {
            joined
                .clone()
                .join(rest.clone())
                .get(at)
                .unwrap()
                .input()
                .to_vec()
        })
        .collect();
    let plain: Vec<f32> = (0..40)
        .flat_map(|at| images.get(at).unwrap().input().to_vec())
        .collect();
    assert_eq!(joined, plain);
    let a = read(&|| whole.epoch(&dev, 1).flat_map(|(x, _)| x.as_vec()).collect());
    let b = read(&|| {
        subset
            .epoch(&dev, 1)
            .flat_map(|(x, _)| x.as_vec())
            .collect()
    });
    assert_eq!(a, b);
    assert_ne!(a, plain);
}

#[test]
fn samples_are_drawn_as_often_as_their_weights_say() {
    let weights = vec![1.0, 0.0, 3.0, 0.5, 5.5, 0.0];
    let total: f64 = weights.iter().sum();
    let sampler = WeightedSampler::new(weights.clone())
        .unwrap()
        .samples(1000)
        .unwrap();
    let mut times = [0_usize; 6];
    for epoch in 0..100 {
        let order = sampler.order(6, 7, epoch);
        assert_eq!(order.len(), 1000);
        assert_eq!(order, sampler.order(6, 7, epoch));
        order.into_iter().for_each(|index| times[index] += 1);
    }
    for (times, weight) in times.into_iter().zip(weights) {
        let p = weight / total;
        let (mean, deviation) = (1e5 * p, (1e5 * p * (1.0 - p)).sqrt());
        assert!(
            (times as f64 - mean).abs() <= 4.5 * deviation,
            "{times} for {mean}"
        );
    }
    assert_ne!(sampler.order(6, 7, 0), sampler.order(6, 7, 1));
    assert_ne!(sampler.order(6, 7, 0), sampler.order(6, 8, 0));
}

#[test]
fn without_replacement_the_first_draw_is_by_weight_and_none_comes_twice() {
    let weights = vec![1.0, 2.0, 0.0, 3.0, 4.0];
    let sampler = WeightedSampler::new(weights).unwrap().samples(3).unwrap();
    let sampler = sampler.without_replacement().unwrap();
    let (mut first, mut second) = ([0.0; 5], [0.0; 5]);
    let epochs = 40_000;
    for epoch in 0..epochs {
        let order = sampler.order(5, 1, epoch);
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 3);
        first[order[0]] += 1.0 / epochs as f64;
        second[order[1]] += 1.0 / epochs as f64;
    }
    let p = [0.1, 0.2, 0.0, 0.3, 0.4];
    for index in 0..5 {
        assert!((first[index] - p[index]).abs() < 0.012, "{first:?}");
        // Of what the first draw leaves.
        let others = (0..5).filter(|&other| other != index);
        let wanted: f64 = others
            .map(|other| p[other] * p[index] / (1.0 - p[other]))
            .sum();
        assert!((second[index] - wanted).abs() < 0.012, "{second:?}");
    }
}

#[test]
fn classes_are_balanced_and_take_turns() {
    let data = numbered(200);
    for len in [200, 7, 33] {
        let sampler = BalancedSampler::new(&data).unwrap().samples(len).unwrap();
        let mut times = vec![0_usize; 200];
        let mut of_class = [0_usize; 4];
        for epoch in 0..30 {
            let order = sampler.order(200, 3, epoch);
            assert_eq!(order.len(), len);
            let there = counts(&order, class_of);
            for (class, sum) in of_class.iter_mut().enumerate() {
                let there = *there.get(&class).unwrap_or(&0);
                assert!(there == len / 4 || there == len.div_ceil(4));
                *sum += there;
            }
            assert!(of_class.iter().max().unwrap() - of_class.iter().min().unwrap() <= 1);
            order.into_iter().for_each(|index| times[index] += 1);
            // Within a class, nobody comes again before all others have come.
            for class in 0..4 {
                let of = (0..200)
                    .filter(|&index| class_of(index) == class)
                    .map(|index| times[index]);
                let (least, most) = (of.clone().min().unwrap(), of.max().unwrap());
                assert!(most - least <= 1);
            }
        }
    }
    let sampler = BalancedSampler::new(&data).unwrap();
    assert_ne!(sampler.order(200, 3, 0), sampler.order(200, 3, 1));
    assert_ne!(sampler.order(200, 3, 0), sampler.order(200, 4, 0));
    // An epoch that no run reaches is one like any other.
    assert_eq!(sampler.order(200, 3, usize::MAX).len(), 200);
    let by = BalancedSampler::by(200, class_of).unwrap();
    assert_eq!(by.order(200, 3, 5), sampler.order(200, 3, 5));
}

#[test]
fn an_epoch_of_a_sampler_goes_on_where_it_was_left_with_any_number_of_workers() {
    let dev = Cpu::default();
    let weights = (0..50).map(f64::from).collect();
    let loaders = |workers| {
        let data = || {
            DataLoader::<_, 4>::new(numbered(50))
                .unwrap()
                .seed(11)
                .workers(workers)
        };
        let weighted = WeightedSampler::new(Vec::clone(&weights))
            .unwrap()
            .samples(60);
        let balanced = BalancedSampler::new(&numbered(50)).unwrap();
        [
            data().sampler(weighted.unwrap()).unwrap(),
            data().sampler(balanced).unwrap(),
        ]
    };
    for (which, batches) in [15, 12].into_iter().enumerate() {
        let alone = &loaders(0)[which];
        assert_eq!(alone.len(), batches);
        let all: Vec<usize> = alone.epoch(&dev, 2).flat_map(|(x, _)| x.as_vec()).collect();
        assert_eq!(all, alone.order(2)[..batches * 4]);
        for workers in [0, 3] {
            let loader = &loaders(workers)[which];
            for batch in 0..=batches {
                let from = Position { epoch: 2, batch };
                let rest = loader.epoch(&dev, from).flat_map(|(x, _)| x.as_vec());
                assert_eq!(rest.collect::<Vec<_>>(), all[batch * 4..]);
            }
        }
        // Two ranks see the same samples, half each.
        let ranks = [0, 1].map(|rank| {
            let loader = loaders(0)[which].clone().shard(rank, 2).unwrap();
            loader
                .epoch(&dev, 2)
                .map(|(x, _)| x.as_vec())
                .collect::<Vec<_>>()
        });
        let [first, second] = ranks;
        let both: Vec<usize> = first
            .into_iter()
            .zip(second)
            .flat_map(|(a, b)| [a, b].concat())
            .collect();
        assert_eq!(both, all[..both.len()]);
        // `Pad` and dynamic epochs go by the sampler's number of samples.
        let seen: usize = alone.dynamic_epoch(&dev, 0).map(|(x, _)| x.shape().0).sum();
        assert_eq!(seen, alone.order(0).len());
    }
}

#[test]
fn samplers_that_cannot_draw_are_refused() {
    let text = |weights| WeightedSampler::new(weights).unwrap_err().to_string();
    let bad = |index, weight| {
        format!(
            "weight {index} is {weight}; weights must be finite and not negative, and one of them above 0"
        )
    };
    assert_eq!(text(vec![1.0, -2.0]), bad(1, -2.0));
    assert_eq!(text(vec![f64::NAN]), bad(0, f64::NAN));
    assert_eq!(text(vec![0.0, f64::INFINITY]), bad(1, f64::INFINITY));
    assert_eq!(text(vec![0.0, 0.0]), bad(1, 0.0));
    assert!(matches!(
        WeightedSampler::new(vec![]),
        Err(DataError::Empty)
    ));
    let two = || WeightedSampler::new(vec![1.0, 1.0, 0.0]).unwrap();
    assert_eq!(
        two().without_replacement().unwrap_err().to_string(),
        "3 samples can't be drawn without replacement from 2 that have a weight above 0"
    );
    assert!(two().samples(0).is_err());
    assert!(BalancedSampler::new(&numbered(0)).is_err());
    let loader = DataLoader::<_, 2>::new(numbered(9)).unwrap();
    assert_eq!(
        loader.sampler(two()).unwrap_err().to_string(),
        "a sampler for 3 samples was given a data set of 9; make it from the same data set"
    );
    // Weights whose sum is more than a number can be.
    let huge = WeightedSampler::new(vec![f64::MAX, f64::MAX, 1.0]).unwrap();
    let order = huge.order(3, 0, 0);
    assert!(order.iter().all(|&index| index < 2));
}
