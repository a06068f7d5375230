//! The generator of a device, taken out and put back: random numbers that can be drawn twice.
//!
//! dfdx 0.13.0 keeps it to itself (`Cpu::rng`, `dfdx/src/tensor/cpu/device.rs`; a GPU has one of the CPU), but hands
//! it, locked, to whatever `Distribution` a tensor is sampled from (`dfdx/src/tensor/cpu/allocate.rs`). One that draws
//! nothing is a way in. It is a `StdRng` of rand 0.8, whose only field is a ChaCha of rand_chacha 0.3
//! (`rand/src/rngs/std.rs`).
//!
//! Were it another generator, none would be found: then both passes of a step draw different masks, and a
//! checkpoint holds no random state. Were a `StdRng` something else inside, a checkpoint would hold none.

use std::{
    any::{Any, TypeId},
    cell::Cell,
    ptr,
    sync::LazyLock,
};

use dfdx::{
    shapes::Rank0,
    tensor::{Cpu, SampleTensor},
};
use rand::{Rng, RngCore, SeedableRng, distributions::Distribution, rngs::StdRng};
use rand_chacha::ChaCha12Rng;

/// The state of a device's generator. Two are equal where the same numbers follow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Generator(pub(crate) StdRng);

/// The state now; `None` on a device whose generator can't be reached. Draws nothing.
pub(crate) fn generator<D: 'static>(device: &D) -> Option<Generator> {
    visit(device, |rng| Generator(rng.clone()))
}

/// Has `device` go on from `state`, and all that share its generator; nothing on a device whose generator
/// can't be reached.
pub(crate) fn set_generator<D: 'static>(device: &D, state: &Generator) {
    visit(device, |rng| rng.clone_from(&state.0));
}

/// Which generator `device` has: the same number where two devices share one, as clones do. Only for
/// devices that are alive at the same time.
pub(crate) fn generator_id<D: 'static>(device: &D) -> Option<usize> {
    visit(device, |rng| ptr::from_mut(rng).addr())
}

/// Calls `f` with the generator of `device`, which is locked meanwhile.
fn visit<D: 'static, T>(device: &D, f: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    let device = device as &dyn Any;
    let mut found = None;
    let visitor = Visitor(Cell::new(Some(|rng: &mut StdRng| found = Some(f(rng)))));
    // A GPU's is visited before the one number goes to the card: should that fail, nothing is amiss.
    if let Some(device) = device.downcast_ref::<Cpu>() {
        drop(SampleTensor::<u8>::try_sample_like(
            device, &NUMBER, &visitor,
        ));
    }
    #[cfg(feature = "cuda")]
    if let Some(device) = device.downcast_ref::<dfdx::tensor::Cuda>() {
        drop(SampleTensor::<u8>::try_sample_like(
            device, &NUMBER, &visitor,
        ));
    }
    drop(visitor);
    found
}

/// The shape of a tensor that takes one draw.
const NUMBER: Rank0 = ();

/// Hands on the generator that it is to draw from, the first time.
struct Visitor<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut StdRng)> Distribution<u8> for Visitor<F> {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> u8 {
        if typeid::of::<R>() == TypeId::of::<StdRng>()
            && let Some(f) = self.0.take()
        {
            // SAFETY: `R` is `StdRng`. `typeid::of` is blind to lifetimes alone, and `StdRng` has none.
            #[allow(unsafe_code)]
            let rng = unsafe { &mut *ptr::from_mut(rng).cast::<StdRng>() };
            f(rng);
        }
        0
    }
}

/// What is inside of a `StdRng`, which has no form for files of its own.
pub(crate) fn chacha(rng: &mut StdRng) -> Option<&mut ChaCha12Rng> {
    // SAFETY: in rand 0.8, `StdRng` is a struct whose only field is a `ChaCha12Rng` of rand_chacha 0.3, of
    // which a program has one. A field lies inside of its struct, and one of the struct's own size and
    // alignment at its beginning: `WRAPS_CHACHA`, which also sees whether the two act alike.
    #[allow(unsafe_code)]
    WRAPS_CHACHA.then(|| unsafe { &mut *ptr::from_mut(rng).cast::<ChaCha12Rng>() })
}

/// Whether `StdRng` is what [`chacha`] says, by all that can be told from outside.
static WRAPS_CHACHA: LazyLock<bool> = LazyLock::new(|| {
    let fits = size_of::<StdRng>() == size_of::<ChaCha12Rng>()
        && align_of::<StdRng>() == align_of::<ChaCha12Rng>();
    let seed = std::array::from_fn(|i| i as u8 * 7);
    let (mut std, mut own) = (StdRng::from_seed(seed), ChaCha12Rng::from_seed(seed));
    // Past the end of its buffer of 64 words.
    let alike = (0..100).all(|_| std.next_u64() == own.next_u64());
    fits && alike && format!("{std:?}") == format!("StdRng({own:?})")
});

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;
    use rand::distributions::Standard;

    use super::*;

    #[test]
    fn the_generator_is_found_and_so_is_what_it_is_made_of() {
        let mut found = generator(&Cpu::default()).expect(
            "this dfdx samples with something else than rand's `StdRng`: masks can't be drawn twice",
        );
        assert!(
            chacha(&mut found.0).is_some(),
            "this rand's `StdRng` is not ChaCha12: its state can't be written to a file"
        );
    }

    #[test]
    fn dropout_draws_the_same_mask_again() {
        let dev = Cpu::seed_from_u64(3);
        let x: Tensor<Rank1<64>, f32, _> = dev.ones();
        let before = generator(&dev).unwrap();
        let first = x.clone().dropout(0.5).array();
        let after = generator(&dev).unwrap();
        assert!(first.contains(&0.0) && first.contains(&2.0));
        assert_ne!(before, after);
        let second = x.clone().dropout(0.5).array();
        assert_ne!(first, second);
        set_generator(&dev, &before);
        assert_eq!(x.clone().dropout(0.5).array(), first);
        assert_eq!(generator(&dev), Some(after));
        assert_eq!(x.dropout(0.5).array(), second);
    }

    /// Draws of all kinds, an odd number of 32-bit words between them.
    fn draw(dev: &Cpu) -> (Vec<f32>, Vec<f64>, Vec<usize>, Vec<u32>, u64) {
        let normal: Tensor<Rank1<5>, f32, _> = dev.sample_normal();
        let uniform: Tensor<Rank1<3>, f64, _> = dev.sample_uniform();
        let whole: Tensor<Rank1<7>, usize, _> = dev.sample(Standard);
        let half: Tensor<Rank1<3>, u32, _> = dev.sample(Standard);
        let number = dev.random_u64();
        let half = half.as_vec();
        (
            normal.as_vec(),
            uniform.as_vec(),
            whole.as_vec(),
            half,
            number,
        )
    }

    #[test]
    fn draws_of_every_type_come_again_from_wherever_in_the_stream() {
        let dev = Cpu::seed_from_u64(5);
        for _ in 0..50 {
            let before = generator(&dev).unwrap();
            let (first, after) = (draw(&dev), generator(&dev).unwrap());
            set_generator(&dev, &before);
            assert_eq!(draw(&dev), first);
            assert_eq!(generator(&dev), Some(after));
        }
    }

    #[test]
    fn looking_and_putting_back_leave_the_stream_as_it_was() {
        let (dev, alone) = (Cpu::seed_from_u64(7), Cpu::seed_from_u64(7));
        for _ in 0..50 {
            let state = generator(&dev).unwrap();
            draw(&dev);
            set_generator(&dev, &state);
            assert_eq!(draw(&dev), draw(&alone));
            assert_eq!(generator(&dev), generator(&alone));
        }
    }

    #[test]
    fn the_state_is_that_of_rands_own_generator() {
        let dev = Cpu::seed_from_u64(11);
        let mut own = StdRng::seed_from_u64(11);
        assert_eq!(generator(&dev), Some(Generator(own.clone())));
        assert_eq!(dev.random_u64(), own.r#gen::<u64>());
        assert_eq!(generator(&dev), Some(Generator(own)));
    }

    #[test]
    fn clones_share_a_generator_and_others_do_not() {
        let (dev, other) = (Cpu::seed_from_u64(1), Cpu::seed_from_u64(1));
        let x: Tensor<Rank1<2>, f32, _> = dev.zeros();
        assert_eq!(generator_id(&dev), generator_id(x.device()));
        assert_ne!(generator_id(&dev), generator_id(&other));
        set_generator(&dev, &Generator(StdRng::seed_from_u64(2)));
        assert_eq!(generator(x.device()), generator(&Cpu::seed_from_u64(2)));
    }

    #[test]
    fn what_is_no_device_has_none() {
        assert_eq!(generator(&3_u8), None);
        set_generator(&3_u8, &Generator(StdRng::seed_from_u64(2)));
    }
}
