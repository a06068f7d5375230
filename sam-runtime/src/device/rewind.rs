//! Back to an earlier moment: what is drawn after it is drawn again.
//!
//! A step draws from the generator of its model's device and from those of its inputs' devices. The step
//! knows its model; batches of a loader, which may be anywhere in the values of a loop, are on devices that
//! the loader has noted.

use std::{any::Any, cell::RefCell};

use dfdx::tensor::Cpu;

use super::RngState;
use crate::doors::generator::{Generator, generator, generator_id, set_generator};

/// A device whose generator can be reached.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Cpu(Cpu),
    #[cfg(feature = "cuda")]
    Cuda(dfdx::tensor::Cuda),
}

impl Source {
    /// `device`, if its generator can be reached.
    pub(crate) fn of<D: 'static>(device: &D) -> Option<Self> {
        let device = device as &dyn Any;
        #[cfg(feature = "cuda")]
        if let Some(device) = device.downcast_ref::<dfdx::tensor::Cuda>() {
            return Some(Self::Cuda(device.clone()));
        }
        device.downcast_ref().cloned().map(Self::Cpu)
    }

    /// The state of the generator.
    pub(crate) fn generator(&self) -> Option<Generator> {
        match self {
            Self::Cpu(device) => generator(device),
            #[cfg(feature = "cuda")]
            Self::Cuda(device) => generator(device),
        }
    }

    /// Has the generator go on from `state`.
    pub(crate) fn set(&self, state: &Generator) {
        match self {
            Self::Cpu(device) => set_generator(device, state),
            #[cfg(feature = "cuda")]
            Self::Cuda(device) => set_generator(device, state),
        }
    }

    /// Has the generator go on from a state that was written to a file.
    pub(crate) fn go_on(&self, state: &RngState) {
        if let Some(state) = Generator::read(state) {
            self.set(&state);
        }
    }

    fn id(&self) -> Option<usize> {
        match self {
            Self::Cpu(device) => generator_id(device),
            #[cfg(feature = "cuda")]
            Self::Cuda(device) => generator_id(device),
        }
    }
}

/// Where some generators are at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment(Vec<(Source, Generator)>);

impl Moment {
    /// Now: the generators of these devices, and those that loaders have noted on this thread.
    pub(crate) fn now<'a, D: 'static>(devices: impl IntoIterator<Item = &'a D>) -> Self {
        let mut sources: Vec<Source> = Vec::new();
        let mut ids = Vec::new();
        let own = devices.into_iter().filter_map(Source::of);
        for source in own.chain(NOTED.with_borrow(Clone::clone)) {
            // Clones share a generator, which is to be put back once.
            let id = source.id();
            if !ids.contains(&id) {
                ids.push(id);
                sources.push(source);
            }
        }
        Self::of(sources)
    }

    fn of(sources: impl IntoIterator<Item = Source>) -> Self {
        let states = sources.into_iter().filter_map(|source| {
            let state = source.generator()?;
            Some((source, state))
        });
        Self(states.collect())
    }

    /// The same moment in another stream of each generator.
    pub(crate) fn in_stream(&self, stream: usize) -> Self {
        let states = self.0.iter().filter_map(|(source, state)| {
            let state = state.clone().in_stream(stream)?;
            Some((source.clone(), state))
        });
        Self(states.collect())
    }

    /// Whether a generator has moved since.
    pub(crate) fn is_over(&self) -> bool {
        let mut states = self.0.iter();
        states.any(|(source, state)| source.generator().as_ref() != Some(state))
    }

    /// Puts the generators back to this moment; where they were until now.
    pub(crate) fn restore(&self) -> Self {
        let now = Self::of(self.0.iter().map(|(source, _)| source.clone()));
        for (source, state) in &self.0 {
            source.set(state);
        }
        now
    }
}

/// How many devices of batches are kept: a loop may read from several loaders, or some batches ahead.
const NOTED_AT_MOST: usize = 4;

thread_local! {
    /// The devices of the last batches on this thread.
    static NOTED: RefCell<Vec<Source>> = const { RefCell::new(Vec::new()) };
}

/// Notes the device that a loader has put a batch on.
pub(crate) fn note_source<D: 'static>(device: &D) {
    let Some(source) = Source::of(device) else {
        return;
    };
    // A thread that is ending runs no further step.
    let _ = NOTED.try_with(|noted| {
        let mut noted = noted.borrow_mut();
        let id = source.id();
        noted.retain(|other| other.id() != id);
        noted.insert(0, source);
        noted.truncate(NOTED_AT_MOST);
    });
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    #[test]
    fn a_moment_comes_back_on_all_its_devices_and_so_does_the_one_after() {
        let (model, batch, other) = (
            Cpu::seed_from_u64(1),
            Cpu::seed_from_u64(2),
            Cpu::seed_from_u64(3),
        );
        let draw = || [&model, &batch, &other].map(RandomU64::random_u64);
        note_source(&batch);
        let before = Moment::now([&model, &model.clone()]);
        // One for each generator.
        assert_eq!(before.0.len(), 2);
        let first = draw();
        let after = before.restore();
        let again = draw();
        assert_eq!(again[..2], first[..2]);
        assert_ne!(again[2], first[2]);
        draw();
        after.restore();
        let next = draw();
        let untouched = Cpu::seed_from_u64(1);
        untouched.random_u64();
        assert_eq!(next[0], untouched.random_u64());
    }

    #[test]
    fn only_the_last_devices_are_kept() {
        let devices: Vec<Cpu> = (0..6).map(Cpu::seed_from_u64).collect();
        devices.iter().for_each(note_source);
        note_source(&devices[3]);
        let kept = NOTED.with_borrow(|noted| noted.iter().map(Source::id).collect::<Vec<_>>());
        assert_eq!(kept, [3, 5, 4, 2].map(|i| generator_id(&devices[i])));
        assert!(Source::of(&3_u8).is_none());
        note_source(&3_u8);
        assert_eq!(NOTED.with_borrow(Vec::len), NOTED_AT_MOST);
    }
}
