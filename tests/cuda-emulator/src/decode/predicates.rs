//! Predicates: `setp`, `set`, `testp`, and what chooses by one: `selp`, `slct`.

use super::compare::{comparison, truth};
use super::compile::Decoder;
use super::float;
use super::integer;
use super::modifiers::Modifiers;
use super::op::{Combine, Op};
use super::word::Tri;
use crate::ptx::PtxError;
use crate::ptx::operand::Operand;
use crate::ptx::statement::Instruction;
use crate::ptx::types::Type;

impl Decoder<'_, '_> {
    pub(super) fn test(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let of = m.of_type()?;
        let Some(f) = m.find(|name| float::test(name, of)) else {
            return m.fails("is not emulated");
        };
        m.finish()?;
        match ins.operands.as_slice() {
            [d, a] => Ok(Op::Un {
                f,
                d: self.target(d, ins.line)?,
                a: self.source(a, of, ins.line)?,
            }),
            _ => m.fails("two operands are wanted"),
        }
    }

    /// `setp.lt.and.f32 p|q, a, b, c` and `set.eq.f16.f16 d, a, b`.
    pub(super) fn set(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let flush = m.take("ftz");
        let predicate = ins.opcode[0] == "setp";
        let to = if predicate { Type::Pred } else { m.of_type()? };
        let of = m.of_type()?;
        let Some(f) = m.find(|name| comparison(name, of)) else {
            return m.fails("this comparison is not emulated");
        };
        let combine = m.find(|name| match name {
            "and" | "or" | "xor" => integer::binary(name, Type::Pred),
            _ => None,
        });
        m.finish()?;
        let line = ins.line;
        let (d, a, b, c) = match ins.operands.as_slice() {
            [d, a, b] => (d, a, b, None),
            [d, a, b, c] => (d, a, b, Some(c)),
            _ => return m.fails("three or four operands are wanted"),
        };
        let combine = match (combine, c) {
            (None, None) => None,
            (Some(f), Some(c)) => {
                let (c, negated) = match c {
                    Operand::Not(c) => (&**c, true),
                    c => (c, false),
                };
                Some(Combine {
                    with: self.source(c, Type::Pred, line)?,
                    negated,
                    f,
                })
            }
            _ => return m.fails("a combination wants a predicate"),
        };
        let (a, b) = (self.source(a, of, line)?, self.source(b, of, line)?);
        if predicate {
            let (d, q) = self.pair(d, line)?;
            return Ok(Op::SetPredicate {
                f,
                d,
                q,
                a,
                b,
                combine,
                flush,
            });
        }
        let Some(truth) = truth(to) else {
            return m.fails("its result's type is not emulated");
        };
        Ok(Op::Set {
            f,
            truth,
            d: self.target(d, line)?,
            a,
            b,
            combine,
            flush,
        })
    }

    pub(super) fn select(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let of = m.of_type()?;
        let by = if ins.opcode[0] == "slct" {
            Some(m.of_type()?)
        } else {
            None
        };
        m.finish()?;
        let [d, a, b, c] = ins.operands.as_slice() else {
            return m.fails("four operands are wanted");
        };
        let (d, a, b) = (
            self.target(d, ins.line)?,
            self.source(a, of, ins.line)?,
            self.source(b, of, ins.line)?,
        );
        match by {
            None => Ok(Op::Select {
                d,
                a,
                b,
                p: self.source(c, Type::Pred, ins.line)?,
            }),
            Some(by) => {
                let c = self.source(c, by, ins.line)?;
                let f: Tri = match by {
                    Type::S32 => |a, b, c| if c as i32 >= 0 { a } else { b },
                    Type::F32 => |a, b, c| {
                        if f32::from_bits(c as u32) >= 0.0 {
                            a
                        } else {
                            b
                        }
                    },
                    _ => return m.fails("is not emulated"),
                };
                Ok(Op::Tri { f, d, a, b, c })
            }
        }
    }
}
