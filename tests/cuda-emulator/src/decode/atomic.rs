//! `atom` and `red`.

use super::compile::Decoder;
use super::float;
use super::integer;
use super::modifiers::Modifiers;
use super::op::{Op, Update, special};
use super::word::Word;
use crate::ptx::PtxError;
use crate::ptx::statement::Instruction;
use crate::ptx::types::Type;

/// The new value, of the old one and the operands.
fn update(name: &str, of: Type) -> Option<Update> {
    use Type::*;
    let integer = matches!(of, U32 | S32 | U64 | S64);
    match name {
        "add" if of.float() => float::binary("add", of).map(Update::Two),
        "add" | "min" | "max" if integer => integer::binary(name, of).map(Update::Two),
        "and" | "or" | "xor" if matches!(of, B32 | B64) => {
            integer::binary(name, of).map(Update::Two)
        }
        "exch" => Some(Update::Two(|_, b| b)),
        "inc" if of == U32 => Some(Update::Two(|old, b| {
            let (old, b) = (u32::of(old), u32::of(b));
            if old >= b { 0 } else { old + 1 }.bits()
        })),
        "dec" if of == U32 => Some(Update::Two(|old, b| {
            let (old, b) = (u32::of(old), u32::of(b));
            if old == 0 || old > b { b } else { old - 1 }.bits()
        })),
        "cas" => Some(Update::Three(match of.bytes() {
            2 => |old, b, c| if old == b & 0xffff { c } else { old },
            4 => |old, b, c| if old == b & 0xffff_ffff { c } else { old },
            _ => |old, b, c| if old == b { c } else { old },
        })),
        _ => None,
    }
}

impl Decoder<'_, '_> {
    pub(super) fn atomic(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        m.drop_ordering();
        let (space, of) = (m.space(), m.of_type()?);
        const NAMES: [&str; 10] = [
            "add", "min", "max", "and", "or", "xor", "exch", "inc", "dec", "cas",
        ];
        let Some((name, f)) = m.find(|m| {
            let name = *NAMES.iter().find(|n| **n == m)?;
            Some((name, update(name, of)?))
        }) else {
            return m.fails("this operation of this type is not emulated");
        };
        m.finish()?;
        let (d, rest) = match (ins.opcode[0].as_str(), ins.operands.as_slice()) {
            ("atom", [d, rest @ ..]) => (self.target(d, ins.line)?, rest),
            (_, rest) => (special::SINK, rest),
        };
        let (address, b, c) = match (name, rest) {
            ("cas", [address, b, c]) => (address, b, c),
            (_, [address, b]) => (address, b, b),
            _ => return m.fails("another number of operands is wanted"),
        };
        Ok(Op::Atomic {
            address: self.address(address, space, ins.line)?,
            bytes: of.bytes() as u8,
            f,
            d,
            b: self.source(b, of, ins.line)?,
            c: self.source(c, of, ins.line)?,
        })
    }
}
