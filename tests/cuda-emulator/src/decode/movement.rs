//! Moves, loads, stores, addresses, conversions.

use super::compile::{Decoder, Place as Variable};
use super::convert::Convert;
use super::modifiers::Modifiers;
use super::op::{Address, Op, Place, special};
use super::rounding::Rounding;
use super::scope::Symbol;
use crate::ptx::PtxError;
use crate::ptx::operand::Operand;
use crate::ptx::statement::Instruction;
use crate::ptx::types::{Space, Type};

/// Bits 60 and up of a generic address say its space; 0 is global.
pub const SPACE_SHIFT: u32 = 60;

/// The tag of a space in generic addresses.
pub fn tag(space: Space) -> u64 {
    let number = match space {
        Space::Generic | Space::Global | Space::Const => 0,
        Space::Shared => 1,
        Space::Local => 2,
        Space::Param => 3,
    };
    number << SPACE_SHIFT
}

impl Decoder<'_, '_> {
    pub(super) fn mov(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let of = m.of_type()?;
        m.finish()?;
        let bits = of.bytes() as u32 * 8;
        match ins.operands.as_slice() {
            [Operand::Vector(parts), a] => Ok(Op::Unpack {
                bits: bits / parts.len().max(1) as u32,
                parts: self.targets_of(parts, ins.line)?,
                a: self.source(a, of, ins.line)?,
            }),
            [d, Operand::Vector(parts)] => {
                let of_part = match bits / parts.len().max(1) as u32 {
                    8 => Type::B8,
                    16 => Type::B16,
                    32 => Type::B32,
                    _ => return m.fails("a vector of this width is not emulated"),
                };
                let slots: Result<_, _> = parts
                    .iter()
                    .map(|p| self.source(p, of_part, ins.line))
                    .collect();
                Ok(Op::Pack {
                    d: self.target(d, ins.line)?,
                    parts: slots?,
                    bits: of_part.bytes() as u32 * 8,
                })
            }
            [d, Operand::Name(name)] => {
                let d = self.target(d, ins.line)?;
                if let Some(Variable::Frame(space, offset)) = self.symbol(name, ins.line)? {
                    return Ok(Op::FrameAddress {
                        place: match space {
                            Space::Local => Place::FrameLocal,
                            _ => Place::FrameParam,
                        },
                        d,
                        offset: offset.into(),
                    });
                }
                let a = self.source(&ins.operands[1], of, ins.line)?;
                Ok(Op::Move { d, a })
            }
            [d, a] => Ok(Op::Move {
                d: self.target(d, ins.line)?,
                a: self.source(a, of, ins.line)?,
            }),
            _ => m.fails("two operands are wanted"),
        }
    }

    fn targets_of(&self, parts: &[Operand], line: u32) -> Result<Vec<u32>, PtxError> {
        parts.iter().map(|p| self.target(p, line)).collect()
    }

    /// Decodes `[base + offset]` of a space.
    pub(super) fn address(
        &mut self,
        operand: &Operand,
        space: Space,
        line: u32,
    ) -> Result<Address, PtxError> {
        let Operand::Address(base, offset) = operand else {
            return Err(PtxError::new(line, format!("{operand:?} is no address")));
        };
        let mut place = match space {
            Space::Generic => Place::Generic,
            Space::Global | Space::Const => Place::Global,
            Space::Shared => Place::Shared,
            Space::Local => Place::Local,
            Space::Param => Place::Param,
        };
        let mut offset = *offset;
        let variable = match &**base {
            Operand::Name(name)
                if !matches!(self.scopes.find(name), Some(Symbol::Register(..))) =>
            {
                self.symbol(name, line)?
            }
            _ => None,
        };
        let base = match variable {
            Some(Variable::Frame(own, at)) => {
                place = match own {
                    Space::Local => Place::FrameLocal,
                    _ => Place::FrameParam,
                };
                offset += i64::from(at);
                self.constant(0)
            }
            Some(Variable::Fixed(Space::Shared, at)) => {
                place = Place::Shared;
                self.constant(at)
            }
            Some(Variable::Fixed(_, at)) => {
                place = Place::Global;
                self.constant(at)
            }
            Some(Variable::Dynamic) => {
                place = Place::Shared;
                special::DYNAMIC
            }
            None => self.source(base, Type::B64, line)?,
        };
        let site = self.linker.sites;
        self.linker.sites += 1;
        Ok(Address {
            place,
            base,
            offset,
            site,
        })
    }

    pub(super) fn load(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        m.drop_ordering();
        let (space, lanes, of) = (m.space(), m.lanes(), m.of_type()?);
        m.finish()?;
        let [d, address] = ins.operands.as_slice() else {
            return m.fails("two operands are wanted");
        };
        let parts = match d {
            Operand::Vector(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        if parts.len() != lanes {
            return m.fails("as many destinations are wanted as the vector has");
        }
        let mut extend = None;
        if of.signed()
            && let [Operand::Name(name), ..] = parts
        {
            let (_, bits) = self.register(name, ins.line)?;
            extend = (usize::from(bits) > of.bytes() * 8).then_some(bits);
        }
        Ok(Op::Load {
            address: self.address(address, space, ins.line)?,
            bytes: of.bytes() as u8,
            extend,
            d: self.targets_of(parts, ins.line)?,
        })
    }

    pub(super) fn store(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        m.drop_ordering();
        let (space, lanes, of) = (m.space(), m.lanes(), m.of_type()?);
        m.finish()?;
        let [address, a] = ins.operands.as_slice() else {
            return m.fails("two operands are wanted");
        };
        let parts = match a {
            Operand::Vector(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        if parts.len() != lanes {
            return m.fails("as many values are wanted as the vector has");
        }
        let a: Result<_, _> = parts.iter().map(|p| self.source(p, of, ins.line)).collect();
        Ok(Op::Store {
            address: self.address(address, space, ins.line)?,
            bytes: of.bytes() as u8,
            a: a?,
        })
    }

    /// `cvta.space` adds the tag of the space, `cvta.to.space` takes it away.
    pub(super) fn cvta(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let (to, space, of) = (m.take("to"), m.space(), m.of_type()?);
        m.finish()?;
        let [d, a] = ins.operands.as_slice() else {
            return m.fails("two operands are wanted");
        };
        if of.bytes() != 8 && tag(space) != 0 {
            return m.fails("generic addresses have 64 bits");
        }
        let d = self.target(d, ins.line)?;
        if let Operand::Name(name) = a
            && let Some(Variable::Frame(..)) = self.symbol(name, ins.line)?
        {
            return m.fails("of a variable: use `mov` first");
        }
        let a = self.source(a, of, ins.line)?;
        let b = self.constant(tag(space));
        let f = if to {
            u64::wrapping_sub
        } else {
            u64::wrapping_add
        };
        Ok(Op::Bin { f, d, a, b })
    }

    pub(super) fn isspacep(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let space = m.space();
        m.finish()?;
        let [d, a] = ins.operands.as_slice() else {
            return m.fails("two operands are wanted");
        };
        Ok(Op::Bin {
            f: |a, tag| u64::from(a >> SPACE_SHIFT == tag >> SPACE_SHIFT),
            d: self.target(d, ins.line)?,
            a: self.source(a, Type::B64, ins.line)?,
            b: self.constant(tag(space)),
        })
    }

    pub(super) fn cvt(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let integral = m.find(|m| match m {
            "rni" | "rzi" | "rmi" | "rpi" => Rounding::named(m),
            _ => None,
        });
        let rounding = integral.or_else(|| m.rounding());
        let (flush, saturate) = (m.take("ftz"), m.take("sat"));
        let (to, from) = (m.of_type()?, m.of_type()?);
        m.finish()?;
        let [d, a] = ins.operands.as_slice() else {
            return m.fails("two operands are wanted");
        };
        if to == Type::F16 && !matches!(rounding, None | Some(Rounding::Nearest)) {
            return m.fails("this rounding to f16 is not emulated");
        }
        let how = Convert {
            from,
            to,
            rounding: rounding.unwrap_or(Rounding::Nearest),
            integral: integral.is_some(),
            saturate,
            flush,
        };
        let (slot, bits) = match d {
            Operand::Name(name) => self.register(name, ins.line)?,
            _ => return m.fails("a register is wanted"),
        };
        let a = self.source(a, from, ins.line)?;
        // A wider register gets the sign as well.
        if to.signed() && usize::from(bits) > to.bytes() * 8 && slot != special::SINK {
            return m.fails("a destination wider than the type is not emulated");
        }
        Ok(Op::Convert { how, d: slot, a })
    }
}
