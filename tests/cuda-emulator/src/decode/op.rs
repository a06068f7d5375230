//! The operations that the interpreter runs.

use super::convert::Convert;
use super::word::{Bin, Tri, Un};
use crate::ptx::types::Type;

/// A numbered place in a thread's frame: a register, a constant, a special register.
pub type Slot = u32;

/// Slots that every frame begins with.
pub mod special {
    use super::Slot;

    /// `%tid.x`, then y and z.
    pub const TID: Slot = 0;
    pub const NTID: Slot = 3;
    pub const CTAID: Slot = 6;
    pub const NCTAID: Slot = 9;
    pub const LANE: Slot = 12;
    pub const WARP: Slot = 13;
    pub const WARPS: Slot = 14;
    /// `%lanemask_eq`, then le, lt, ge, gt.
    pub const LANEMASK: Slot = 15;
    pub const DYNAMIC_BYTES: Slot = 20;
    /// Where dynamic shared memory begins, in the shared space.
    pub const DYNAMIC: Slot = 21;
    /// The carry of `add.cc` and its like.
    pub const CARRY: Slot = 22;
    /// What is written to `_`.
    pub const SINK: Slot = 23;
    pub const COUNT: usize = 24;
}

/// No guard.
pub const ALWAYS: Slot = Slot::MAX;

/// An operation with its guard.
#[derive(Debug, Clone)]
pub struct Instr {
    pub op: Op,
    /// The predicate that it runs under, or [`ALWAYS`].
    pub guard: Slot,
    pub negated: bool,
    pub line: u32,
}

/// The space of an access, with what its address is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Tagged addresses: whichever space they say.
    Generic,
    Global,
    Shared,
    /// Offsets in the thread's local memory.
    Local,
    /// The same from the frame's begin.
    FrameLocal,
    /// Offsets in the thread's parameters.
    Param,
    /// The same from the frame's begin.
    FrameParam,
}

/// The address of an access: the slot's value and an offset.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    pub place: Place,
    pub base: Slot,
    pub offset: i64,
    /// The number of this access in its program, for caches.
    pub site: u32,
}

/// Modifiers of a floating-point result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// Flush subnormal f32 operands and results to zero.
    pub flush: bool,
    /// Clamp the result of this type into 0..=1.
    pub saturate: Option<Type>,
}

/// How a predicate of `setp` or a value of `set` is combined with another predicate.
#[derive(Debug, Clone, Copy)]
pub struct Combine {
    pub with: Slot,
    pub negated: bool,
    pub f: Bin,
}

/// Arithmetic with the carry flag.
#[derive(Debug, Clone, Copy)]
pub struct Carry {
    pub of: Type,
    /// `mad`: `a * b` goes in for `a`, its high half with `high`.
    pub product: bool,
    pub high: bool,
    pub subtract: bool,
    pub carry_in: bool,
    pub carry_out: bool,
}

/// The new value of an atomic: of the old one and `b`, or of these and `c`.
#[derive(Debug, Clone, Copy)]
pub enum Update {
    Two(Bin),
    Three(Tri),
}

/// How lanes of a warp exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

/// What lanes of a warp vote on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// What the lanes of a warp do together. Operands are slots of each lane.
#[derive(Debug, Clone, Copy)]
pub enum Together {
    Shuffle {
        kind: Shuffle,
        d: Slot,
        p: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    Vote {
        kind: Vote,
        d: Slot,
        p: Slot,
        negated: bool,
    },
    /// `match.any`, or `match.all` with its predicate.
    Match {
        all: bool,
        of: Type,
        d: Slot,
        p: Slot,
        a: Slot,
    },
    Reduce {
        f: Bin,
        d: Slot,
        a: Slot,
    },
    /// `bar.warp.sync`
    Wait,
    /// `activemask`
    Active {
        d: Slot,
    },
}

/// An operation. `d` is where the result goes, `a`, `b`, `c` are operands.
#[derive(Debug, Clone)]
pub enum Op {
    Nop,
    Move {
        d: Slot,
        a: Slot,
    },
    Un {
        f: Un,
        d: Slot,
        a: Slot,
    },
    Bin {
        f: Bin,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Tri {
        f: Tri,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    /// One to three operands of floats, with modifiers.
    Finished {
        inner: Box<Op>,
        finish: Finish,
    },
    Select {
        d: Slot,
        a: Slot,
        b: Slot,
        p: Slot,
    },
    /// Two predicates; the second is the negation.
    SetPredicate {
        f: Bin,
        d: Slot,
        q: Slot,
        a: Slot,
        b: Slot,
        combine: Option<Combine>,
        flush: bool,
    },
    Set {
        f: Bin,
        truth: u64,
        d: Slot,
        a: Slot,
        b: Slot,
        combine: Option<Combine>,
        flush: bool,
    },
    Convert {
        how: Convert,
        d: Slot,
        a: Slot,
    },
    Carry {
        how: Carry,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    InsertBits {
        of: Type,
        d: Slot,
        a: Slot,
        b: Slot,
        pos: Slot,
        len: Slot,
    },
    Lop3 {
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
        table: Slot,
    },
    Pack {
        d: Slot,
        parts: Vec<Slot>,
        bits: u32,
    },
    Unpack {
        parts: Vec<Slot>,
        a: Slot,
        bits: u32,
    },
    /// The address of a `.local` or `.param` variable of this frame.
    FrameAddress {
        place: Place,
        d: Slot,
        offset: u64,
    },
    /// `bytes` for each of `d`; `extend` gives the destinations' bits to extend a sign into.
    Load {
        address: Address,
        bytes: u8,
        extend: Option<u8>,
        d: Vec<Slot>,
    },
    Store {
        address: Address,
        bytes: u8,
        a: Vec<Slot>,
    },
    Atomic {
        address: Address,
        bytes: u8,
        f: Update,
        d: Slot,
        b: Slot,
        c: Slot,
    },
    Branch {
        target: u32,
    },
    BranchIndexed {
        index: Slot,
        targets: Vec<u32>,
    },
    Call {
        function: u32,
        /// Offsets in the caller's parameters.
        arguments: Vec<u32>,
        returns: Vec<u32>,
    },
    /// A function that is declared only.
    External {
        name: String,
        arguments: Vec<u32>,
    },
    Return,
    Exit,
    Trap,
    Barrier {
        id: Slot,
        count: Option<Slot>,
    },
    Together {
        what: Together,
        mask: Slot,
    },
}

/// A function, ready to run.
#[derive(Debug, Clone, Default)]
pub struct Function {
    pub name: String,
    pub code: Vec<Instr>,
    /// What the slots of a frame begin with: constants, and zeros.
    pub template: Vec<u64>,
    /// (offset, bytes) within a frame's parameters.
    pub params: Vec<(u32, u32)>,
    pub returns: Vec<(u32, u32)>,
    pub param_bytes: usize,
    pub local_bytes: usize,
}

/// A kernel with all that it calls.
#[derive(Debug, Clone)]
pub struct Program {
    /// The kernel is the first.
    pub functions: Vec<Function>,
    /// Static shared memory.
    pub shared_bytes: usize,
    pub sites: u32,
    pub max_threads: Option<u64>,
}
