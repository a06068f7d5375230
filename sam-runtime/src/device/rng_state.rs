//! The generator of a device in a form that can be written to a file.

use rand::{SeedableRng, rngs::StdRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

use crate::doors::generator::{Generator, chacha, generator, set_generator};

/// The state of a device's random numbers: what `torch.get_rng_state()` is in PyTorch. A checkpoint holds
/// it, so that a resumed run draws what it would have drawn. Get it with [`rng_state`], put it back with
/// [`set_rng_state`].
///
/// dfdx's devices draw from a `StdRng` of rand 0.8, which is [ChaCha with 12
/// rounds](https://cr.yp.to/chacha.html): the state is a key, the number of the stream, and a position in it
/// in words of 32 bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RngState(ChaCha12Rng);

/// The state of the random numbers of `device`; `None` for a device whose generator can't be reached.
/// Draws nothing.
///
/// ```
/// use sam_runtime::{device::{rng_state, set_rng_state}, dfdx::prelude::*};
///
/// let dev = Cpu::seed_from_u64(1);
/// let state = rng_state(&dev).expect("the CPU has one");
/// let drawn = dev.random_u64();
/// assert_ne!(dev.random_u64(), drawn);
/// set_rng_state(&dev, &state);
/// assert_eq!(dev.random_u64(), drawn);
/// ```
pub fn rng_state<D: 'static>(device: &D) -> Option<RngState> {
    generator(device)?.written()
}

/// Has `device`, and every clone of it, draw from `state` on.
///
/// ```
/// use sam_runtime::{device::{RngState, rng_state, set_rng_state}, dfdx::prelude::*};
///
/// let dev = Cpu::seed_from_u64(1);
/// let _: Tensor<Rank1<3>, f32, _> = dev.sample_normal();
/// let written = serde_json::to_string(&rng_state(&dev))?;
/// // Later, in another program:
/// let other = Cpu::default();
/// if let Some(state) = serde_json::from_str::<Option<RngState>>(&written)? {
///     set_rng_state(&other, &state);
/// }
/// assert_eq!(other.random_u64(), dev.random_u64());
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn set_rng_state<D: 'static>(device: &D, state: &RngState) {
    if let Some(state) = Generator::read(state) {
        set_generator(device, &state);
    }
}

impl Generator {
    /// The state with its parts in sight.
    fn written(mut self) -> Option<RngState> {
        chacha(&mut self.0).cloned().map(RngState)
    }

    /// The same place in a stream that shares nothing with this one, by its distance.
    pub(crate) fn in_stream(mut self, distance: usize) -> Option<Self> {
        let rng = chacha(&mut self.0)?;
        rng.set_stream(rng.get_stream().wrapping_add(distance as u64));
        Some(self)
    }

    pub(super) fn read(state: &RngState) -> Option<Self> {
        let mut rng = StdRng::from_seed([0; 32]);
        chacha(&mut rng)?.clone_from(&state.0);
        Some(Self(rng))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;
    use rand::{RngCore, distributions::Standard};
    use serde_json::{Value, json};

    use super::*;

    /// What follows in a stream, words of both sizes.
    fn next(dev: &Cpu) -> (Vec<u32>, Vec<f64>, [u64; 40]) {
        let words: Tensor<Rank1<3>, u32, _> = dev.sample(Standard);
        let normal: Tensor<Rank1<9>, f64, _> = dev.sample_normal();
        (
            words.as_vec(),
            normal.as_vec(),
            [(); 40].map(|()| dev.random_u64()),
        )
    }

    /// A device whose generator has given `words` words of 32 bits.
    fn after(words: usize) -> Cpu {
        let dev = Cpu::seed_from_u64(21);
        let _: Tensor<(usize,), u32, _> = dev.sample_like(&(words,), Standard);
        dev
    }

    #[test]
    fn a_state_comes_back_from_a_file_wherever_in_the_stream() {
        // Every place in the buffer of 64 words, and beyond it.
        for words in 0..130 {
            let (dev, other, untouched) = (after(words), Cpu::default(), after(words));
            let file = serde_json::to_string(&rng_state(&dev)).unwrap();
            set_rng_state(&other, &serde_json::from_str(&file).unwrap());
            assert_eq!(generator(&other), generator(&dev));
            let expected = next(&untouched);
            assert_eq!(next(&other), expected);
            // Writing has changed nothing.
            assert_eq!(next(&dev), expected);
        }
    }

    #[test]
    fn the_file_names_key_stream_and_position() {
        let dev = Cpu::seed_from_u64(3);
        let position = |dev: &Cpu| serde_json::to_value(rng_state(dev)).unwrap();
        let first = position(&dev);
        assert_eq!(first["word_pos"], json!(0));
        assert_eq!(first["stream"], json!(0));
        assert_eq!(first["seed"].as_array().map(Vec::len), Some(32));
        dev.random_u64();
        let _: Tensor<Rank0, u32, _> = dev.sample(Standard);
        assert_eq!(position(&dev)["word_pos"], json!(3));
        assert_eq!(position(&dev)["seed"], first["seed"]);
        // The key is that of rand: drawn from the seed, not the seed itself.
        let rng = ChaCha12Rng::seed_from_u64(3);
        assert_eq!(json!(rng.get_seed()), first["seed"]);
    }

    #[test]
    fn a_position_far_along_is_reached_at_once() {
        let mut far = serde_json::to_value(rng_state(&Cpu::seed_from_u64(3))).unwrap();
        far["word_pos"] = json!(u64::MAX - 1);
        let dev = Cpu::default();
        set_rng_state(&dev, &serde_json::from_value(far.clone()).unwrap());
        assert_eq!(serde_json::to_value(rng_state(&dev)).unwrap(), far);
        let mut own = ChaCha12Rng::seed_from_u64(3);
        own.set_word_pos(u128::from(u64::MAX - 1));
        assert_eq!(dev.random_u64(), own.next_u64());
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for wrong in [
            json!({}),
            json!([1, 2]),
            json!({"seed": [0, 1], "stream": 0, "word_pos": 0}),
        ] {
            assert!(serde_json::from_value::<RngState>(wrong).is_err());
        }
        assert_eq!(
            serde_json::from_value::<Option<RngState>>(Value::Null).unwrap(),
            None
        );
        assert_eq!(rng_state(&3_u8), None);
    }
}
