//! Random streams, named by what they are for.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream is for. Streams for different purposes never meet, whatever their seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Shuffle,
    Noise,
    TrainGlyph,
    TestGlyph,
    Augment,
    Mixup,
    Device,
    Split,
    Weighted,
    Balanced,
}

impl Purpose {
    fn tag(self) -> &'static [u8; 8] {
        match self {
            Self::Shuffle => b"shuffle.",
            Self::Noise => b"noise...",
            Self::TrainGlyph => b"glyph.tr",
            Self::TestGlyph => b"glyph.te",
            Self::Augment => b"augment.",
            Self::Mixup => b"mixup...",
            Self::Device => b"device..",
            Self::Split => b"split...",
            Self::Weighted => b"weighted",
            Self::Balanced => b"balanced",
        }
    }
}

/// The stream of (`purpose`, `seed`, `index`).
///
/// All go into ChaCha's 256-bit key, so that two streams differ as soon as one of them does;
/// mixing them into a single `u64` could make two streams collide.
pub(super) fn stream(purpose: Purpose, seed: u64, index: u64) -> ChaCha8Rng {
    stream_at(purpose, seed, 0, index)
}

/// The stream of (`purpose`, `seed`, `epoch`, `index`).
pub(super) fn stream_at(purpose: Purpose, seed: u64, epoch: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(purpose.tag());
    key[8..16].copy_from_slice(&seed.to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    key[24..].copy_from_slice(&epoch.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn each_part_of_the_name_makes_another_stream() {
        let first = |p, s, i| stream(p, s, i).next_u64();
        let base = first(Purpose::Shuffle, 1, 2);
        assert_eq!(base, stream_at(Purpose::Shuffle, 1, 0, 2).next_u64());
        assert_eq!(base, first(Purpose::Shuffle, 1, 2));
        for other in [
            first(Purpose::Noise, 1, 2),
            first(Purpose::TrainGlyph, 1, 2),
            first(Purpose::TestGlyph, 1, 2),
            first(Purpose::Augment, 1, 2),
            first(Purpose::Mixup, 1, 2),
            first(Purpose::Device, 1, 2),
            first(Purpose::Split, 1, 2),
            first(Purpose::Weighted, 1, 2),
            first(Purpose::Balanced, 1, 2),
            first(Purpose::Shuffle, 2, 1),
            first(Purpose::Shuffle, 1, 3),
            stream_at(Purpose::Shuffle, 1, 1, 2).next_u64(),
        ] {
            assert_ne!(base, other);
        }
    }
}
