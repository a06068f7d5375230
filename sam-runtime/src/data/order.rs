//! The order of samples within an epoch.

use rand::seq::SliceRandom;

use super::stream::{Purpose, stream};

/// The shuffled order of `len` samples in `epoch`: a permutation of `0..len`.
///
/// A pure function of its arguments (a Fisher-Yates shuffle by ChaCha), so a resumed run sees the
/// order that the interrupted one would have seen, without replaying the epochs before.
///
/// ```
/// use sam_runtime::data::epoch_order;
///
/// assert_eq!(epoch_order(42, 3, 10), [3, 2, 8, 7, 9, 0, 6, 5, 4, 1]);
/// ```
pub fn epoch_order(seed: u64, epoch: usize, len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut stream(Purpose::Shuffle, seed, epoch as u64));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_order_is_a_permutation(seed: u64, epoch: usize, len in 0_usize..500) {
            let order = epoch_order(seed, epoch, len);
            prop_assert_eq!(&order, &epoch_order(seed, epoch, len));
            let mut sorted = order;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn seed_and_epoch_both_change_the_order() {
        let base = epoch_order(1, 1, 100);
        assert_ne!(base, epoch_order(2, 1, 100));
        assert_ne!(base, epoch_order(1, 2, 100));
        assert_ne!(base, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn each_place_gets_each_sample_equally_often() {
        let mut counts = [[0_u32; 5]; 5];
        for epoch in 0..5_000 {
            for (place, sample) in epoch_order(9, epoch, 5).into_iter().enumerate() {
                counts[place][sample] += 1;
            }
        }
        // 1,000 expected; the deviation of such a count is 28.
        assert!(
            counts.iter().flatten().all(|&n| (850..1150).contains(&n)),
            "{counts:?}"
        );
    }

    #[test]
    fn the_order_is_the_same_in_every_release() {
        // A checkpoint stores (seed, epoch) alone: another order here would break resumed runs.
        assert_eq!(epoch_order(42, 3, 10), [3, 2, 8, 7, 9, 0, 6, 5, 4, 1]);
    }
}
