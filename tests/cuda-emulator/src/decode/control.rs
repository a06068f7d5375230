//! Branches, calls, barriers, and what a warp does together.

use super::compile::{Decoder, Place as Variable};
use super::integer;
use super::modifiers::Modifiers;
use super::op::{Op, Shuffle, Together, Vote, special};
use super::scope::Symbol;
use crate::ptx::PtxError;
use crate::ptx::operand::Operand;
use crate::ptx::statement::Instruction;
use crate::ptx::types::{Space, Type};

impl Decoder<'_, '_> {
    pub(super) fn branch(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        m.take("uni");
        m.finish()?;
        match ins.operands.as_slice() {
            [Operand::Name(name)] => Ok(Op::Branch {
                target: self.label(name, ins.line)?,
            }),
            _ => m.fails("a label is wanted"),
        }
    }

    pub(super) fn branch_indexed(
        &mut self,
        ins: &Instruction,
        mut m: Modifiers,
    ) -> Result<Op, PtxError> {
        m.take("idx");
        m.take("uni");
        m.finish()?;
        let [index, Operand::Name(name)] = ins.operands.as_slice() else {
            return m.fails("an index and a list of labels are wanted");
        };
        match self.scopes.find(name) {
            Some(Symbol::Targets(number)) => Ok(Op::BranchIndexed {
                index: self.source(index, Type::U32, ins.line)?,
                targets: self.targets[number as usize].clone(),
            }),
            _ => m.fails("there is no such list of labels before it"),
        }
    }

    pub(super) fn call(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        m.take("uni");
        m.finish()?;
        let (returns, rest) = match ins.operands.as_slice() {
            [Operand::List(returns), rest @ ..] => (returns.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let (name, arguments) = match rest {
            [Operand::Name(name)] => (name, &[][..]),
            [Operand::Name(name), Operand::List(arguments)] => (name, arguments.as_slice()),
            _ => return m.fails("calls through pointers are not emulated"),
        };
        let returns = self.call_params(returns, ins.line)?;
        let arguments = self.call_params(arguments, ins.line)?;
        let Some(callee) = self.linker.module.functions.get(name) else {
            return m.fails(&format!("there is no function `{name}`"));
        };
        let offsets = |of: &[(u32, u32)]| of.iter().map(|p| p.0).collect::<Vec<_>>();
        if callee.body.is_none() {
            return Ok(Op::External {
                name: name.clone(),
                arguments: offsets(&arguments),
            });
        }
        let sizes = |of: &[(u32, u32)]| of.iter().map(|p| p.1 as usize).collect::<Vec<_>>();
        if !callee.params.iter().map(|p| p.bytes).eq(sizes(&arguments))
            || !callee.returns.iter().map(|p| p.bytes).eq(sizes(&returns))
        {
            return m.fails(&format!("the parameters are not those of `{name}`"));
        }
        let known = self.linker.names.iter().position(|n| n == name);
        let function = known.unwrap_or_else(|| {
            self.linker.names.push(name.clone());
            self.linker.names.len() - 1
        });
        Ok(Op::Call {
            function: function as u32,
            arguments: offsets(&arguments),
            returns: offsets(&returns),
        })
    }

    /// (offset, bytes) of the `.param` variables of a call.
    fn call_params(&self, of: &[Operand], line: u32) -> Result<Vec<(u32, u32)>, PtxError> {
        let place = |operand: &Operand| {
            if let Operand::Name(name) = operand
                && let Some(Variable::Frame(Space::Param, offset)) = self.symbol(name, line)?
            {
                return Ok((offset, self.params.get(&offset).copied().unwrap_or(0)));
            }
            let what = format!("{operand:?} is no `.param` variable: not emulated in a call");
            Err(PtxError::new(line, what))
        };
        of.iter().map(place).collect()
    }

    /// `bar`, `barrier`: of a block, or of a warp.
    pub(super) fn barrier(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let warp = m.take("warp");
        m.take("cta");
        m.take("aligned");
        if !m.take("sync") {
            return m.fails("only `.sync` barriers are emulated");
        }
        m.finish()?;
        match ins.operands.as_slice() {
            [mask] if warp => Ok(Op::Together {
                what: Together::Wait,
                mask: self.source(mask, Type::B32, ins.line)?,
            }),
            [id] => Ok(Op::Barrier {
                id: self.source(id, Type::U32, ins.line)?,
                count: None,
            }),
            [id, count] => Ok(Op::Barrier {
                id: self.source(id, Type::U32, ins.line)?,
                count: Some(self.source(count, Type::U32, ins.line)?),
            }),
            _ => m.fails("one or two operands are wanted"),
        }
    }

    pub(super) fn together(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let name = ins.opcode[0].as_str();
        let line = ins.line;
        if !m.take("sync") && name != "activemask" {
            return m.fails("only the `.sync` form is emulated");
        }
        let shuffle = m.find(|m| match m {
            "up" => Some(Shuffle::Up),
            "down" => Some(Shuffle::Down),
            "bfly" => Some(Shuffle::Butterfly),
            "idx" => Some(Shuffle::Index),
            _ => None,
        });
        let mut vote = None;
        if name == "vote" {
            vote = m.find(|m| match m {
                "all" => Some(Vote::All),
                "any" => Some(Vote::Any),
                "uni" => Some(Vote::Uniform),
                "ballot" => Some(Vote::Ballot),
                _ => None,
            });
        }
        let mut reduce = None;
        if name == "redux" {
            const NAMES: [&str; 6] = ["add", "min", "max", "and", "or", "xor"];
            reduce = m.find(|m| NAMES.into_iter().find(|n| *n == m));
        }
        let all = name == "match" && m.take("all");
        let _ = name == "match" && m.take("any");
        let of = m.of_type()?;
        m.finish()?;
        let operands = ins.operands.as_slice();
        let (what, mask) = match (name, operands) {
            ("activemask", [d]) => {
                let d = self.target(d, line)?;
                let what = Together::Active { d };
                return Ok(Op::Together {
                    what,
                    mask: self.constant(0),
                });
            }
            ("shfl", [d, a, b, c, mask]) => {
                let (d, p) = self.pair(d, line)?;
                let Some(kind) = shuffle else {
                    return m.fails("its kind is not emulated");
                };
                let what = Together::Shuffle {
                    kind,
                    d,
                    p,
                    a: self.source(a, of, line)?,
                    b: self.source(b, Type::B32, line)?,
                    c: self.source(c, Type::B32, line)?,
                };
                (what, mask)
            }
            ("vote", [d, p, mask]) => {
                let (p, negated) = match p {
                    Operand::Not(p) => (&**p, true),
                    p => (p, false),
                };
                let Some(kind) = vote else {
                    return m.fails("its kind is not emulated");
                };
                let what = Together::Vote {
                    kind,
                    d: self.target(d, line)?,
                    p: self.source(p, Type::Pred, line)?,
                    negated,
                };
                (what, mask)
            }
            ("match", [d, a, mask]) => {
                let (d, p) = self.pair(d, line)?;
                let a = self.source(a, of, line)?;
                (Together::Match { all, of, d, p, a }, mask)
            }
            ("redux", [d, a, mask]) => {
                let f = reduce.and_then(|name| integer::binary(name, of));
                let Some(f) = f else {
                    return m.fails("this operation is not emulated");
                };
                let what = Together::Reduce {
                    f,
                    d: self.target(d, line)?,
                    a: self.source(a, of, line)?,
                };
                (what, mask)
            }
            _ => return m.fails("another number of operands is wanted"),
        };
        Ok(Op::Together {
            what,
            mask: self.source(mask, Type::B32, line)?,
        })
    }

    /// `d|p`, or `d` alone.
    pub(super) fn pair(&self, operand: &Operand, line: u32) -> Result<(u32, u32), PtxError> {
        match operand {
            Operand::Pair(d, p) => Ok((self.target(d, line)?, self.target(p, line)?)),
            d => Ok((self.target(d, line)?, special::SINK)),
        }
    }
}
