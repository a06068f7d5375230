//! A thread: its registers, its parameters and local memory, where it is and what it waits for.

use crate::decode::op::{Function, Slot, special};

/// What a thread does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ready,
    /// Waits at a barrier of the block, for so many threads or for all.
    Barrier {
        id: u32,
        count: Option<u32>,
    },
    /// Waits at the instruction before `pc` for other lanes of its warp.
    Together,
    Done,
}

/// Where a thread goes on when a call returns.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub function: u32,
    pub pc: u32,
    pub base: usize,
    pub param_base: usize,
    pub local_base: usize,
}

/// A thread.
#[derive(Debug)]
pub struct Thread {
    pub index: [u32; 3],
    pub lane: u32,
    pub state: State,
    pub function: u32,
    pub pc: u32,
    /// The slots of all frames, the current one's from `base` on.
    pub slots: Vec<u64>,
    pub base: usize,
    pub params: Vec<u8>,
    pub param_base: usize,
    pub locals: Vec<u8>,
    pub local_base: usize,
    pub frames: Vec<Frame>,
}

impl Thread {
    pub fn new(index: [u32; 3], lane: u32) -> Self {
        Self {
            index,
            lane,
            state: State::Done,
            function: 0,
            pc: 0,
            slots: Vec::new(),
            base: 0,
            params: Vec::new(),
            param_base: 0,
            locals: Vec::new(),
            local_base: 0,
            frames: Vec::new(),
        }
    }

    /// Puts the thread to the begin of a kernel.
    pub fn begin(&mut self, kernel: &Function, params: &[u8], specials: &[u64; special::COUNT]) {
        self.state = State::Ready;
        (self.function, self.pc) = (0, 0);
        (self.base, self.param_base, self.local_base) = (0, 0, 0);
        self.slots.clear();
        self.slots.extend_from_slice(&kernel.template);
        self.slots[..special::COUNT].copy_from_slice(specials);
        self.params.clear();
        self.params.extend_from_slice(params);
        self.params.resize(kernel.param_bytes, 0);
        self.locals.clear();
        self.locals.resize(kernel.local_bytes, crate::memory::FRESH);
        self.frames.clear();
    }

    /// The value of a slot of the current frame.
    #[inline(always)]
    pub fn get(&self, slot: Slot) -> u64 {
        self.slots[self.base + slot as usize]
    }

    #[inline(always)]
    pub fn set(&mut self, slot: Slot, value: u64) {
        self.slots[self.base + slot as usize] = value;
    }

    /// Enters a function; `arguments` are offsets of this frame's parameters.
    pub fn call(&mut self, number: u32, callee: &Function, arguments: &[u32]) {
        self.frames.push(Frame {
            function: self.function,
            pc: self.pc,
            base: self.base,
            param_base: self.param_base,
            local_base: self.local_base,
        });
        let caller_base = self.base;
        self.base = self.slots.len();
        self.slots.extend_from_slice(&callee.template);
        self.slots
            .copy_within(caller_base..caller_base + special::COUNT, self.base);
        let caller_params = self.param_base;
        self.param_base = self.params.len().next_multiple_of(16);
        self.params.resize(self.param_base + callee.param_bytes, 0);
        for (&from, &(to, bytes)) in arguments.iter().zip(&callee.params) {
            let from = caller_params + from as usize;
            self.params
                .copy_within(from..from + bytes as usize, self.param_base + to as usize);
        }
        self.local_base = self.locals.len().next_multiple_of(16);
        let locals = self.local_base + callee.local_bytes;
        self.locals.resize(locals, crate::memory::FRESH);
        (self.function, self.pc) = (number, 0);
    }

    /// Leaves a function to `frame`; `returns` are offsets of that frame's parameters.
    pub fn leave(&mut self, frame: Frame, callee: &Function, returns: &[u32]) {
        for (&to, &(from, bytes)) in returns.iter().zip(&callee.returns) {
            let from = self.param_base + from as usize;
            let to = frame.param_base + to as usize;
            self.params.copy_within(from..from + bytes as usize, to);
        }
        // The frames below lie below.
        self.slots.truncate(self.base);
        self.params.truncate(self.param_base);
        self.locals.truncate(self.local_base);
        (self.function, self.pc) = (frame.function, frame.pc);
        (self.base, self.param_base, self.local_base) =
            (frame.base, frame.param_base, frame.local_base);
    }
}
