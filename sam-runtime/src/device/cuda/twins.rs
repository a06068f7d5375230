//! Two devices of dfdx on one card, whose random numbers are kept in step.

use dfdx::tensor::{Cpu, Cuda, RandomU64};

use super::gpu::Gpu;
use crate::device::{Fork, Twins};

/// Numbers that are looked through to find out how many a pass has drawn. A layer with dropout draws one.
const MOST: u64 = 1 << 16;

/// A device, and what its generator will draw next.
struct Twin<D> {
    device: D,
    /// A generator that starts alike.
    mirror: Cpu,
    drawn: u64,
}

impl<D: RandomU64> Twin<D> {
    fn draw(&mut self) {
        self.device.random_u64();
        self.mirror.random_u64();
        self.drawn += 1;
    }

    fn advance_to(&mut self, position: u64) {
        while self.drawn < position {
            self.draw();
        }
    }

    /// How many numbers were drawn since the last time. Draws one itself, to look for it.
    fn settle(&mut self) -> Option<u64> {
        let next = self.device.random_u64();
        let count = (0..MOST).find(|_| self.mirror.random_u64() == next)?;
        self.drawn += count + 1;
        Some(count)
    }
}

struct Pair<D> {
    seed: u64,
    /// For the clean pass, and for the perturbed one.
    twins: [Twin<D>; 2],
}

impl<D: RandomU64 + Clone + 'static> Twins for Pair<D> {
    fn seed(&self) -> u64 {
        self.seed
    }

    fn fork(&mut self, perturbed: bool) -> Fork {
        if !perturbed {
            let position = self.position();
            self.twins.iter_mut().for_each(|t| t.advance_to(position));
        }
        let device = self.twins[usize::from(perturbed)].device.clone();
        Fork::twin(device, self.seed)
    }

    fn settle(&mut self, perturbed: bool) -> Option<u64> {
        self.twins[usize::from(perturbed)].settle()
    }

    fn position(&self) -> u64 {
        self.twins[0].drawn.max(self.twins[1].drawn)
    }
}

/// `None` where the card has no room for them: then the passes draw what they draw.
pub(in crate::device) fn twins(device: &Cuda, seed: u64, position: u64) -> Option<Box<dyn Twins>> {
    let ordinal = Gpu::of(device).ok()?.driver.ordinal();
    let twin = || {
        let mut twin = Twin {
            device: Cuda::try_build(ordinal, seed).ok()?,
            mirror: Cpu::seed_from_u64(seed),
            drawn: 0,
        };
        twin.advance_to(position);
        Some(twin)
    };
    let twins = [twin()?, twin()?];
    Some(Box::new(Pair { seed, twins }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the host, whose generators are those of the GPU's.
    fn pair(seed: u64, position: u64) -> Pair<Cpu> {
        let twin = || {
            let mut twin = Twin {
                device: Cpu::seed_from_u64(seed),
                mirror: Cpu::seed_from_u64(seed),
                drawn: 0,
            };
            twin.advance_to(position);
            twin
        };
        Pair {
            seed,
            twins: [twin(), twin()],
        }
    }

    fn draws(pair: &mut Pair<Cpu>, perturbed: bool, count: usize) -> Vec<u64> {
        let fork = pair.fork(perturbed);
        let device = fork.device::<Cpu>().unwrap();
        let numbers = (0..count).map(|_| device.random_u64()).collect();
        assert_eq!(pair.settle(perturbed), Some(count as u64));
        numbers
    }

    #[test]
    fn both_passes_draw_the_same_numbers_and_the_next_step_others() {
        let mut pair = pair(7, 0);
        let clean = draws(&mut pair, false, 3);
        assert_eq!(clean, draws(&mut pair, true, 3));
        let next = draws(&mut pair, false, 3);
        assert!(next.iter().all(|n| !clean.contains(n)));
        assert_eq!(next, draws(&mut pair, true, 3));
    }

    #[test]
    fn a_pass_that_is_missing_or_draws_otherwise_puts_nothing_out_of_step() {
        let mut pair = pair(7, 0);
        draws(&mut pair, false, 5);
        let clean = draws(&mut pair, false, 2);
        assert_eq!(clean, draws(&mut pair, true, 2));
        draws(&mut pair, false, 1);
        draws(&mut pair, true, 4);
        let clean = draws(&mut pair, false, 2);
        assert_eq!(clean, draws(&mut pair, true, 2));
    }

    #[test]
    fn a_position_goes_on_where_it_was() {
        let mut first = pair(3, 0);
        draws(&mut first, false, 2);
        draws(&mut first, true, 2);
        let mut second = pair(3, first.position());
        assert_eq!(draws(&mut first, false, 4), draws(&mut second, false, 4));
    }

    #[test]
    fn too_many_numbers_are_not_counted() {
        let mut pair = pair(3, 0);
        let fork = pair.fork(false);
        for _ in 0..MOST {
            fork.device::<Cpu>().unwrap().random_u64();
        }
        assert_eq!(pair.settle(false), None);
    }
}
