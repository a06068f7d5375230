//! Parts of a data set that have no sample in common: held-out parts and folds, as functions of a seed.
//!
//! All of it is arithmetic on indices. Parts keep the order that samples have in the data set.

use std::{collections::BTreeMap, sync::Arc};

use rand::seq::SliceRandom;

use super::{
    DataError, Dataset, Subset,
    stream::{Purpose, stream},
};

/// A part of a data set, as [`split`](Dataset::split) and [`k_fold`](Dataset::k_fold) give it. The parts share the data set.
///
/// ```
/// use sam_runtime::{data::PartOf, dfdx::shapes::Rank1, prelude::*};
///
/// type Digits = PartOf<Images<Rank1<784>, 10>>;
///
/// struct Task {
///     train: DataLoader<Digits, 16>,
///     test: Digits,
/// }
///
/// # fn main() -> Result<(), DataError> {
/// let (train, test) = Glyphs::train(100, 0).split(0.8, 1)?;
/// let task = Task { train: DataLoader::new(train)?, test };
/// assert_eq!((task.train.len(), task.test.len()), (5, 20));
/// # Ok(())
/// # }
/// ```
pub type PartOf<Ds> = Subset<Arc<Ds>>;

/// Two parts of a data set that are the whole of it together, such as one to train on and one to test on.
pub type TwoParts<Ds> = (PartOf<Ds>, PartOf<Ds>);

/// Indices that stay together, or that are dealt evenly.
pub(super) type Sets = Vec<Vec<usize>>;

/// The indices of each key, in the order of the keys.
pub(super) fn by_key<K: Ord>(
    len: usize,
    mut key: impl FnMut(usize) -> Result<K, DataError>,
) -> Result<Sets, DataError> {
    let mut sets = BTreeMap::<K, Vec<usize>>::new();
    for index in 0..len {
        sets.entry(key(index)?).or_default().push(index);
    }
    Ok(sets.into_values().collect())
}

/// `whole` in two: what `first` says of each index.
pub(super) fn in_two<Ds: Dataset>(whole: &Arc<Ds>, first: &[bool]) -> TwoParts<Ds> {
    let part = |side: bool| {
        let indices = (0..first.len()).filter(|&index| first[index] == side);
        Subset::of_checked(Arc::clone(whole), indices.collect())
    };
    (part(true), part(false))
}

/// For each fold, all others and the fold, of `folds` that each index has one of.
pub(super) fn in_folds<Ds: Dataset>(
    whole: &Arc<Ds>,
    folds: usize,
    fold: &[usize],
) -> Vec<TwoParts<Ds>> {
    let parts = |test: usize| {
        let others: Vec<bool> = fold.iter().map(|&fold| fold != test).collect();
        in_two(whole, &others)
    };
    (0..folds).map(parts).collect()
}

/// Which indices are in the first part, of `share` of all; of each stratum that share to within one sample.
pub(super) fn stratified(mut strata: Sets, share: f64, seed: u64) -> Result<Vec<bool>, DataError> {
    let len: usize = strata.iter().map(Vec::len).sum();
    let total = wanted(len, share)?;
    let exact = |stratum: &Vec<usize>| stratum.len() as f64 * share;
    let mut takes: Vec<usize> = strata.iter().map(|s| exact(s) as usize).collect();
    // The largest remainders are rounded up.
    let mut order: Vec<usize> = (0..strata.len()).collect();
    order.sort_by(|&a, &b| {
        let rest = |at: usize| exact(&strata[at]).fract();
        rest(b).total_cmp(&rest(a))
    });
    let missing = total.saturating_sub(takes.iter().sum());
    for &at in order.iter().take(missing) {
        takes[at] += 1;
    }
    let mut first = vec![false; len];
    for (number, (stratum, take)) in strata.iter_mut().zip(takes).enumerate() {
        stratum.shuffle(&mut stream(Purpose::Split, seed, number as u64));
        for &index in &stratum[..take] {
            first[index] = true;
        }
    }
    Ok(first)
}

/// As [`stratified`], with each group as a whole on one side: of as near to that share of the samples as groups in a
/// random order come.
pub(super) fn grouped(mut groups: Sets, share: f64, seed: u64) -> Result<Vec<bool>, DataError> {
    let len: usize = groups.iter().map(Vec::len).sum();
    let wanted = wanted(len, share)?;
    if groups.len() < 2 {
        return Err(DataError::Groups {
            groups: groups.len(),
            wanted: 2,
        });
    }
    groups.shuffle(&mut stream(Purpose::Split, seed, 0));
    let mut first = vec![false; len];
    let (mut taken, mut size) = (0, 0_usize);
    let all = groups.len();
    for (at, group) in groups.iter().enumerate() {
        let more = size + group.len();
        let is_last_chance = taken == 0 && at + 1 == all;
        let leaves_one = taken + 1 < all;
        let nearer = more.abs_diff(wanted) < size.abs_diff(wanted);
        if (nearer || is_last_chance) && leaves_one {
            group.iter().for_each(|&index| first[index] = true);
            (taken, size) = (taken + 1, more);
        }
    }
    Ok(first)
}

/// The fold of each index: folds are as large as each other to within one sample, and so are their parts of each stratum.
pub(super) fn stratified_folds(
    mut strata: Sets,
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, DataError> {
    let len: usize = strata.iter().map(Vec::len).sum();
    if folds < 2 || folds > len {
        return Err(DataError::Folds { folds, len });
    }
    let mut fold = vec![0; len];
    let mut dealt = 0;
    for (number, stratum) in strata.iter_mut().enumerate() {
        stratum.shuffle(&mut stream(Purpose::Split, seed, number as u64));
        for &index in &*stratum {
            fold[index] = dealt % folds;
            dealt += 1;
        }
    }
    Ok(fold)
}

/// The fold of each index, with each group as a whole in one fold: the largest groups first, each to the smallest fold.
pub(super) fn grouped_folds(
    mut groups: Sets,
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, DataError> {
    let len: usize = groups.iter().map(Vec::len).sum();
    if folds < 2 || folds > len {
        return Err(DataError::Folds { folds, len });
    }
    if groups.len() < folds {
        return Err(DataError::Groups {
            groups: groups.len(),
            wanted: folds,
        });
    }
    groups.shuffle(&mut stream(Purpose::Split, seed, 0));
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut fold = vec![0; len];
    let mut sizes = vec![0; folds];
    for group in groups {
        let smallest = (0..folds).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
        sizes[smallest] += group.len();
        group.iter().for_each(|&index| fold[index] = smallest);
    }
    Ok(fold)
}

/// How many of `len` samples are `share` of them, where that is neither none nor all.
fn wanted(len: usize, share: f64) -> Result<usize, DataError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(DataError::Share { share });
    }
    let first = (len as f64 * share).round() as usize;
    if first == 0 || first >= len {
        return Err(DataError::Split { share, len });
    }
    Ok(first)
}
