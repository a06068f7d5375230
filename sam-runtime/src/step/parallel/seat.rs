use dfdx::tensor::Cpu;

use crate::{
    doors::generator::{Generator, generator, set_generator},
    step::{Twin, Twins},
};

/// The devices of a chunk's tensors, from which nothing else draws.
pub(super) struct Seat {
    twins: Twins,
    /// Where their generators are before each pass.
    begin: Vec<Generator>,
    /// Where the clean pass has left them.
    end: Vec<Generator>,
}

impl Seat {
    /// `chunk` on devices of its own, whose generators begin where those of its devices are, in this stream.
    pub(super) fn of<C: Twin>(chunk: &C, stream: usize) -> (C, Self) {
        let mut twins = Twins::default();
        let chunk = chunk.twin(&mut twins);
        let streams = states(&twins).map(|state| state.in_stream(stream));
        let begin = streams.flatten().collect();
        let end = Vec::new();
        let seat = Self { twins, begin, end };
        seat.rewind();
        (chunk, seat)
    }

    /// The devices that other chunks' tensors are on as well.
    pub(super) fn shared(&self) -> impl Iterator<Item = &Cpu> {
        self.twins.pairs().map(|(device, _)| device)
    }

    /// Before a pass.
    pub(super) fn rewind(&self) {
        for ((_, twin), state) in self.twins.pairs().zip(&self.begin) {
            set_generator(twin, state);
        }
    }

    /// Behind the clean pass.
    pub(super) fn note(&mut self) {
        self.end = states(&self.twins).collect();
    }

    /// Whether the clean pass has drawn.
    pub(super) fn has_drawn(&self) -> bool {
        self.end != self.begin
    }

    /// Has the devices that were shared go on where the clean pass has ended.
    pub(super) fn hand_back(&self) {
        for ((device, _), state) in self.twins.pairs().zip(&self.end) {
            set_generator(device, state);
        }
    }
}

fn states(twins: &Twins) -> impl Iterator<Item = Generator> {
    twins.pairs().filter_map(|(_, twin)| generator(twin))
}
