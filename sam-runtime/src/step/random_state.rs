//! Where the generators of random numbers were, so that a line that is run again draws the same.

use crate::{device::Moment, doors::generator::generator_id};

/// The devices that a step has met, and where their generators were before each line of the slice.
pub(super) struct RandomStates<D: 'static> {
    devices: Vec<D>,
    /// Of their generators, which clones share.
    ids: Vec<Option<usize>>,
    /// By line and chunk.
    marks: Vec<((usize, usize), Moment)>,
    /// The line and the chunk that are running.
    at: (usize, usize),
    /// Where the first chunk has left the generators, while the others draw from theirs.
    first: Option<Moment>,
    /// Where the clean pass has left the generators, while a replay draws from them.
    after: Option<Moment>,
    /// Of the ranks that train this model together, which one this is.
    pub(super) rank: usize,
    /// Of this rank, and so of each.
    pub(super) chunks: usize,
    /// Whether the generators are in this rank's streams.
    is_moved: bool,
}

impl<D> Default for RandomStates<D> {
    fn default() -> Self {
        Self {
            devices: Vec::new(),
            ids: Vec::new(),
            marks: Vec::new(),
            at: (0, 0),
            first: None,
            after: None,
            rank: 0,
            chunks: 1,
            is_moved: false,
        }
    }
}

fn moment(marks: &[((usize, usize), Moment)], at: (usize, usize)) -> Option<&Moment> {
    let found = marks.iter().find(|(other, _)| *other == at);
    found.map(|(_, moment)| moment)
}

impl<D: Clone + 'static> RandomStates<D> {
    /// Whether another rank draws what the user's generators would.
    pub(super) fn follows(&self) -> bool {
        self.rank > 0
    }

    /// Those that it has met.
    pub(super) fn devices(&self) -> &[D] {
        &self.devices
    }

    /// A device from which the slice may draw.
    pub(super) fn meet(&mut self, device: &D) {
        let id = generator_id(device);
        if id.is_some() && !self.ids.contains(&id) {
            self.ids.push(id);
            self.devices.push(device.clone());
        }
    }

    /// Before a line runs. The first chunk of the first rank draws from the user's generators what the batch would; each
    /// other one begins where the first one began, in a stream of its own.
    pub(super) fn mark(&mut self, line: usize, chunk: usize) {
        self.at = (line, chunk);
        if self.follows() && !self.is_moved {
            let before = self.rank * self.chunks;
            Moment::now(&self.devices).in_stream(before).restore();
            self.is_moved = true;
        }
        if chunk > 0
            && let Some(begin) = moment(&self.marks, (line, 0))
        {
            self.first.get_or_insert_with(|| Moment::now(&self.devices));
            begin.in_stream(chunk).restore();
        }
        self.mark_again();
    }

    /// Behind a part of the line that is not run again: what it drew is over.
    pub(super) fn mark_again(&mut self) {
        let at = self.at;
        self.marks.retain(|(other, _)| *other != at);
        self.marks.push((at, Moment::now(&self.devices)));
    }
}

impl<D: 'static> RandomStates<D> {
    /// Behind a line that has run on all chunks.
    pub(super) fn go_on(&mut self) {
        if let Some(first) = self.first.take() {
            first.restore();
        }
        if std::mem::take(&mut self.is_moved) {
            // As far as this rank's first chunk came, which is as far as that of the first one came.
            let back = (self.rank * self.chunks).wrapping_neg();
            Moment::now(&self.devices).in_stream(back).restore();
        }
    }

    /// Before a line is run again.
    pub(super) fn rewind(&mut self, line: usize, chunk: usize) {
        if let Some(moment) = moment(&self.marks, (line, chunk)) {
            self.after.get_or_insert_with(|| Moment::now(&self.devices));
            moment.restore();
        }
    }

    /// Puts the generators where the clean pass has left them.
    pub(super) fn settle(&mut self) {
        if let Some(after) = self.after.take() {
            after.restore();
        }
    }
}

/// A replay or a chunk that leaves the loop has drawn nothing that the loop could see.
impl<D: 'static> Drop for RandomStates<D> {
    fn drop(&mut self) {
        self.settle();
        self.go_on();
    }
}
