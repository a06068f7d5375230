//! Random numbers that can be drawn twice.
//!
//! A dfdx device owns its generator and can't rewind it, and dropout draws from the device of its
//! input. So both passes of a SAM step get their input on a *fork*: a device of the same kind
//! whose generator starts from a given seed.
//!
//! A fork of the host is made anew for each pass. One of a GPU takes long to make (a handle of cuBLAS, a
//! stream), so there are two for each model, its [`Twins`]: their generators start alike and are kept in
//! step, so that what a pass draws is a function of their seed and of how many numbers were drawn before.

use std::any::Any;

use dfdx::tensor::{Cpu, RandomU64};

/// A device with its own generator, of the kind of the model's device.
pub struct Fork {
    device: Box<dyn Any>,
    seed: u64,
}

/// A fork of the device type `D`, or `None` where the device can't be forked.
pub fn fork<D: 'static>(seed: u64) -> Option<Fork> {
    let device: Box<dyn Any> = Box::new(Cpu::seed_from_u64(seed));
    device.is::<D>().then_some(Fork { device, seed })
}

impl Fork {
    /// The device, if it is a `D`.
    pub fn device<D: 'static>(&self) -> Option<&D> {
        self.device.downcast_ref()
    }

    /// A fork that is a twin.
    #[cfg(feature = "cuda")]
    pub(in crate::device) fn twin<D: 'static>(device: D, seed: u64) -> Self {
        let device = Box::new(device);
        Self { device, seed }
    }

    /// Whether anything was drawn from the generator since the fork was made.
    pub fn was_drawn_from(&self) -> bool {
        self.device::<Cpu>()
            .is_some_and(|used| used.random_u64() != Cpu::seed_from_u64(self.seed).random_u64())
    }
}

/// Two forks of a device, for the two passes of each step.
pub(crate) trait Twins {
    /// What the generators started from.
    fn seed(&self) -> u64;

    /// The fork for the clean pass, or for the perturbed one. Before a clean pass, both are brought to one
    /// position.
    fn fork(&mut self, perturbed: bool) -> Fork;

    /// Ends a pass: how many numbers it has drawn; `None` if they can't be counted. Then new twins are to
    /// be made.
    fn settle(&mut self, perturbed: bool) -> Option<u64>;

    /// How many numbers were drawn from the one that is ahead.
    fn position(&self) -> u64;
}

/// Twins of a device whose forks take long to make, `position` numbers after their seed; `None` for others.
pub(crate) fn twins<D: 'static>(device: &D, seed: u64, position: u64) -> Option<Box<dyn Twins>> {
    #[cfg(feature = "cuda")]
    if let Some(device) = (device as &dyn Any).downcast_ref::<dfdx::tensor::Cuda>() {
        return super::cuda::twins(device, seed, position);
    }
    let _ = (device, seed, position);
    None
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    #[test]
    fn forks_with_one_seed_draw_the_same_dropout_mask() {
        let mask = |fork: &Fork| {
            let x: Tensor<Rank1<64>, f32, _> = fork.device::<Cpu>().unwrap().ones();
            x.dropout(0.5).array()
        };
        let (a, b, c) = (
            fork::<Cpu>(3).unwrap(),
            fork::<Cpu>(3).unwrap(),
            fork::<Cpu>(4).unwrap(),
        );
        assert!(!fork::<Cpu>(3).unwrap().was_drawn_from());
        let first = mask(&a);
        assert!(first.contains(&0.0) && first.contains(&2.0));
        assert_eq!(first, mask(&b));
        assert_ne!(first, mask(&c));
        assert!(a.was_drawn_from());
        assert!(fork::<u8>(3).is_none());
    }
}
