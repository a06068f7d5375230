//! The loop over a thread's instructions, until it waits or ends.

use super::Fault;
use super::access::{Kind, read, write};
use super::block::Block;
use super::thread::{State, Thread};
use crate::decode::op::{ALWAYS, Carry, Combine, Finish, Op, Place, Update, special};
use crate::decode::{flush, integer, mask, saturate};

/// Calls within each other, at most.
const DEPTH: usize = 512;

impl Block<'_> {
    /// Runs a thread until it waits or is done.
    pub fn run(&mut self, t: &mut Thread) -> Result<(), Fault> {
        let program = self.program;
        let mut code = program.functions[t.function as usize].code.as_slice();
        let mut count = 0;
        let result = loop {
            // Every function ends with a return, so `pc` is always within it.
            let instr = &code[t.pc as usize];
            t.pc += 1;
            count += 1;
            if instr.guard != ALWAYS && (t.get(instr.guard) != 0) == instr.negated {
                continue;
            }
            match &instr.op {
                Op::Move { d, a } => t.set(*d, t.get(*a)),
                Op::Un { f, d, a } => t.set(*d, f(t.get(*a))),
                Op::Bin { f, d, a, b } => t.set(*d, f(t.get(*a), t.get(*b))),
                Op::Tri { f, d, a, b, c } => t.set(*d, f(t.get(*a), t.get(*b), t.get(*c))),
                Op::Load {
                    address,
                    bytes,
                    extend,
                    d,
                } => {
                    let all = usize::from(*bytes) * d.len();
                    let at = match self.locate(t, address, all, Kind::Load) {
                        Ok(at) => at,
                        Err(fault) => break Err(fault),
                    };
                    for (i, d) in d.iter().enumerate() {
                        // SAFETY: `all` bytes are there.
                        let value = unsafe { read(at.add(i * usize::from(*bytes)), *bytes) };
                        t.set(
                            *d,
                            extend.map_or(value, |bits| extended(value, *bytes, bits)),
                        );
                    }
                }
                Op::Store { address, bytes, a } => {
                    let all = usize::from(*bytes) * a.len();
                    let at = match self.locate(t, address, all, Kind::Store) {
                        Ok(at) => at,
                        Err(fault) => break Err(fault),
                    };
                    for (i, a) in a.iter().enumerate() {
                        // SAFETY: `all` bytes are there.
                        unsafe { write(at.add(i * usize::from(*bytes)), *bytes, t.get(*a)) };
                    }
                }
                Op::Branch { target } => {
                    t.pc = *target;
                    if self.counts.instructions + count > self.limit {
                        break Err(Fault::Limit(self.limit));
                    }
                }
                Op::SetPredicate {
                    f,
                    d,
                    q,
                    a,
                    b,
                    combine,
                    flush,
                } => {
                    let (a, b) = flushed(*flush, t.get(*a), t.get(*b));
                    let held = f(a, b);
                    t.set(*q, combined(t, u64::from(held == 0), combine));
                    t.set(*d, combined(t, held, combine));
                }
                Op::Select { d, a, b, p } => {
                    let from = if t.get(*p) != 0 { a } else { b };
                    t.set(*d, t.get(*from));
                }
                Op::Convert { how, d, a } => t.set(*d, how.apply(t.get(*a))),
                Op::Call {
                    function,
                    arguments,
                    ..
                } => {
                    if t.frames.len() >= DEPTH {
                        break Err(Fault::Depth(DEPTH));
                    }
                    let callee = &program.functions[*function as usize];
                    t.call(*function, callee, arguments);
                    code = &callee.code;
                }
                Op::Return => {
                    let Some(frame) = t.frames.pop() else {
                        t.state = State::Done;
                        break Ok(());
                    };
                    let callee = &program.functions[t.function as usize];
                    code = program.functions[frame.function as usize].code.as_slice();
                    if let Op::Call { returns, .. } = &code[frame.pc as usize - 1].op {
                        t.leave(frame, callee, returns);
                    }
                }
                Op::Exit => {
                    t.state = State::Done;
                    break Ok(());
                }
                Op::Barrier { id, count } => {
                    t.state = State::Barrier {
                        id: t.get(*id) as u32,
                        count: count.map(|c| t.get(c) as u32),
                    };
                    break Ok(());
                }
                Op::Together { .. } => {
                    t.state = State::Together;
                    break Ok(());
                }
                other => {
                    if let Err(fault) = self.rare(t, other) {
                        break Err(fault);
                    }
                }
            }
        };
        self.counts.instructions += count;
        result
    }

    /// The operations that are not worth a place in the loop.
    fn rare(&mut self, t: &mut Thread, op: &Op) -> Result<(), Fault> {
        match op {
            Op::Finished { inner, finish } => finished(t, inner, *finish),
            Op::Set {
                f,
                truth,
                d,
                a,
                b,
                combine,
                flush,
            } => {
                let (a, b) = flushed(*flush, t.get(*a), t.get(*b));
                let held = combined(t, f(a, b), combine) != 0;
                t.set(*d, if held { *truth } else { 0 });
            }
            Op::Carry { how, d, a, b, c } => {
                let (value, carry) = carried(
                    *how,
                    [t.get(*a), t.get(*b), t.get(*c)],
                    t.get(special::CARRY),
                );
                t.set(*d, value);
                if how.carry_out {
                    t.set(special::CARRY, carry);
                }
            }
            Op::InsertBits {
                of,
                d,
                a,
                b,
                pos,
                len,
            } => {
                let value =
                    integer::insert_bits(*of, t.get(*a), t.get(*b), t.get(*pos), t.get(*len));
                t.set(*d, value);
            }
            Op::Lop3 { d, a, b, c, table } => {
                let value = integer::lop3(t.get(*a), t.get(*b), t.get(*c), t.get(*table));
                t.set(*d, value);
            }
            Op::Pack { d, parts, bits } => {
                let ones = u64::MAX >> (64 - bits);
                let parts = parts.iter().rev();
                let value = parts.fold(0, |all, part| all << bits | (t.get(*part) & ones));
                t.set(*d, value);
            }
            Op::Unpack { parts, a, bits } => {
                let value = t.get(*a);
                let ones = u64::MAX >> (64 - bits);
                for (i, part) in parts.iter().enumerate() {
                    t.set(*part, value >> (bits * i as u32) & ones);
                }
            }
            Op::FrameAddress { place, d, offset } => {
                let base = match place {
                    Place::FrameLocal => t.local_base,
                    _ => t.param_base,
                };
                t.set(*d, base as u64 + offset);
            }
            Op::Atomic {
                address,
                bytes,
                f,
                d,
                b,
                c,
            } => {
                let at = self.locate(t, address, usize::from(*bytes), Kind::Atomic)?;
                // SAFETY: `bytes` are there.
                let old = unsafe { read(at, *bytes) };
                let new = match f {
                    Update::Two(f) => f(old, t.get(*b)),
                    Update::Three(f) => f(old, t.get(*b), t.get(*c)),
                };
                // SAFETY: as above.
                unsafe { write(at, *bytes, new) };
                t.set(*d, old);
            }
            Op::BranchIndexed { index, targets } => {
                let index = t.get(*index) & 0xffff_ffff;
                let Some(target) = targets.get(index as usize) else {
                    let targets = targets.len();
                    return Err(Fault::Branch { index, targets });
                };
                t.pc = *target;
            }
            Op::External { name, arguments } if name == "__assertfail" => {
                let text = arguments.first().and_then(|a| self.text(t, *a));
                return Err(Fault::Assert(text.unwrap_or_default()));
            }
            Op::External { name, .. } => return Err(Fault::External(name.clone())),
            Op::Trap => return Err(Fault::Trap),
            _ => {}
        }
        Ok(())
    }

    /// The text that a parameter of a call points to.
    fn text(&self, t: &Thread, parameter: u32) -> Option<String> {
        let at = t.param_base + parameter as usize;
        let pointer = u64::from_le_bytes(t.params.get(at..at + 8)?.try_into().ok()?);
        let (_, end) = self.memory.holding(pointer, 1).ok()?;
        let mut bytes = vec![0; (end - pointer).min(1024) as usize];
        self.memory.read(pointer, &mut bytes).ok()?;
        let text = bytes.split(|b| *b == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// A value of `bytes` with its sign extended to `bits`.
fn extended(value: u64, bytes: u8, bits: u8) -> u64 {
    let unused = 64 - 8 * u32::from(bytes);
    let signed = ((value << unused) as i64 >> unused) as u64;
    signed & (u64::MAX >> (64 - u32::from(bits)))
}

fn flushed(on: bool, a: u64, b: u64) -> (u64, u64) {
    if on { (flush(a), flush(b)) } else { (a, b) }
}

fn combined(t: &Thread, held: u64, combine: &Option<Combine>) -> u64 {
    match combine {
        None => held,
        Some(Combine { with, negated, f }) => f(held, t.get(*with) ^ u64::from(*negated)),
    }
}

fn finished(t: &mut Thread, inner: &Op, finish: Finish) {
    let read = |slot| match finish.flush {
        true => flush(t.get(slot)),
        false => t.get(slot),
    };
    let (d, value) = match inner {
        Op::Un { f, d, a } => (*d, f(read(*a))),
        Op::Bin { f, d, a, b } => (*d, f(read(*a), read(*b))),
        Op::Tri { f, d, a, b, c } => (*d, f(read(*a), read(*b), read(*c))),
        _ => return,
    };
    let value = if finish.flush { flush(value) } else { value };
    let value = finish.saturate.map_or(value, |of| saturate(of, value));
    t.set(d, value);
}

/// The result and the carry (of a subtraction: the borrow) that goes out.
fn carried(how: Carry, [a, b, c]: [u64; 3], carry: u64) -> (u64, u64) {
    let ones = mask(how.of);
    let bits = how.of.bytes() as u32 * 8;
    let carry_in = u128::from(if how.carry_in { carry } else { 0 });
    let (a, b, c) = (a & ones, b & ones, c & ones);
    if how.subtract {
        let less = u128::from(b) + carry_in;
        let value = u128::from(a).wrapping_sub(less) as u64 & ones;
        return (value, u64::from(u128::from(a) < less));
    }
    let (x, y) = match (how.product, how.high) {
        (false, _) => (a, b),
        (true, high) => (product_half(how, a, b, bits, high) & ones, c),
    };
    let sum = u128::from(x) + u128::from(y) + carry_in;
    (sum as u64 & ones, (sum >> bits) as u64)
}

fn product_half(how: Carry, a: u64, b: u64, bits: u32, high: bool) -> u64 {
    let wide = |x: u64| match how.of.signed() {
        true => i128::from((x << (64 - bits)) as i64 >> (64 - bits)),
        false => i128::from(x),
    };
    let product = wide(a).wrapping_mul(wide(b));
    (if high { product >> bits } else { product }) as u64
}
