//! From an opcode to its operation: the dispatch, and all that computes.

use super::compile::Decoder;
use super::float;
use super::integer;
use super::modifiers::Modifiers;
use super::op::{Carry, Finish, Op, special};
use super::rounding::Rounding;
use super::word::{Bin, Tri, Un};
use crate::ptx::PtxError;
use crate::ptx::statement::Instruction;
use crate::ptx::types::Type;

/// The function of an arithmetic instruction.
enum Function {
    Un(Un),
    Bin(Bin),
    Tri(Tri),
}

impl Decoder<'_, '_> {
    /// Decodes an instruction without its guard.
    pub(super) fn instruction(&mut self, ins: &Instruction) -> Result<Op, PtxError> {
        let m = Modifiers::of(ins);
        match ins.opcode[0].as_str() {
            "mov" => self.mov(ins, m),
            "ld" | "ldu" => self.load(ins, m),
            "st" => self.store(ins, m),
            "atom" | "red" => self.atomic(ins, m),
            "cvta" => self.cvta(ins, m),
            "cvt" => self.cvt(ins, m),
            "isspacep" => self.isspacep(ins, m),
            "setp" | "set" => self.set(ins, m),
            "selp" | "slct" => self.select(ins, m),
            "bra" => self.branch(ins, m),
            "brx" => self.branch_indexed(ins, m),
            "call" => self.call(ins, m),
            "ret" => Ok(Op::Return),
            "exit" => Ok(Op::Exit),
            "trap" => Ok(Op::Trap),
            "bar" | "barrier" => self.barrier(ins, m),
            "shfl" | "vote" | "match" | "redux" | "activemask" => self.together(ins, m),
            // Everything is in order, and nothing is cached.
            "membar" | "fence" | "prefetch" | "prefetchu" | "nanosleep" | "pmevent" => Ok(Op::Nop),
            "bfi" => self.insert_bits(ins, m),
            "lop3" => self.lop3(ins, m),
            _ => self.arithmetic(ins, m),
        }
    }

    fn arithmetic(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let name = ins.opcode[0].as_str();
        let carry_out = m.take("cc");
        if carry_out || matches!(name, "addc" | "subc" | "madc") {
            return self.carry(ins, m, carry_out);
        }
        if name == "testp" {
            return self.test(ins, m);
        }
        let of = m.of_type()?;
        let (f, finish) = match of.float() {
            true => self.float_function(name, of, &mut m)?,
            false => (self.integer_function(name, of, &mut m)?, None),
        };
        m.finish()?;
        let operands = ins.operands.as_slice();
        let line = ins.line;
        // Shift counts and positions are 32 bits wide whatever the type: bits above are dropped.
        let op = match (f, operands) {
            (Function::Un(f), [d, a]) => Op::Un {
                f,
                d: self.target(d, line)?,
                a: self.source(a, of, line)?,
            },
            (Function::Bin(f), [d, a, b]) => Op::Bin {
                f,
                d: self.target(d, line)?,
                a: self.source(a, of, line)?,
                b: self.source(b, of, line)?,
            },
            (Function::Tri(f), [d, a, b, c]) => Op::Tri {
                f,
                d: self.target(d, line)?,
                a: self.source(a, of, line)?,
                b: self.source(b, of, line)?,
                c: self.source(c, of, line)?,
            },
            _ => return m.fails("another number of operands is wanted"),
        };
        Ok(match finish {
            Some(finish) => Op::Finished {
                inner: Box::new(op),
                finish,
            },
            None => op,
        })
    }

    fn integer_function(
        &self,
        name: &str,
        of: Type,
        m: &mut Modifiers,
    ) -> Result<Function, PtxError> {
        let mut full = name.to_owned();
        for part in [
            "lo", "hi", "wide", "l", "r", "wrap", "clamp", "sat", "shiftamt",
        ] {
            if m.take(part) {
                full = format!("{full}.{part}");
            }
        }
        let un = integer::unary(&full, of).map(Function::Un);
        let bin = || integer::binary(&full, of).map(Function::Bin);
        let tri = || integer::ternary(&full, of).map(Function::Tri);
        match un.or_else(bin).or_else(tri) {
            Some(f) => Ok(f),
            None => m.fails("is not emulated"),
        }
    }

    fn float_function(
        &self,
        name: &str,
        of: Type,
        m: &mut Modifiers,
    ) -> Result<(Function, Option<Finish>), PtxError> {
        let rounding = m.rounding();
        let flush = m.take("ftz");
        let saturate = m.take("sat").then_some(of);
        if saturate.is_some() && of == Type::F16 {
            return m.fails("saturation of f16 is not emulated");
        }
        let mut full = name.to_owned();
        for part in ["approx", "full", "NaN"] {
            if m.take(part) {
                full = format!("{full}.{part}");
            }
        }
        // The f64 approximations flush by definition.
        if flush && of == Type::F64 {
            full.push_str(".ftz");
        }
        let directed = rounding.filter(|r| *r != Rounding::Nearest);
        let f = match (name, directed) {
            ("fma" | "mad", None) => float::fma(of).map(Function::Tri),
            ("fma" | "mad", Some(r)) => float::directed_fma(of, r).map(Function::Tri),
            (_, Some(r)) => float::directed_binary(name, of, r).map(Function::Bin),
            (_, None) => float::unary(&full, of)
                .map(Function::Un)
                .or_else(|| float::binary(&full, of).map(Function::Bin)),
        };
        let Some(f) = f else {
            return m.fails("is not emulated");
        };
        let flush = flush && of == Type::F32;
        let finish = (flush || saturate.is_some()).then_some(Finish { flush, saturate });
        Ok((f, finish))
    }

    fn carry(
        &mut self,
        ins: &Instruction,
        mut m: Modifiers,
        carry_out: bool,
    ) -> Result<Op, PtxError> {
        let name = ins.opcode[0].as_str();
        let (low, high) = (m.take("lo"), m.take("hi"));
        let of = m.of_type()?;
        m.finish()?;
        let product = matches!(name, "mad" | "madc");
        let how = Carry {
            of,
            product,
            high,
            subtract: matches!(name, "sub" | "subc"),
            carry_in: name.ends_with('c'),
            carry_out,
        };
        let line = ins.line;
        match ins.operands.as_slice() {
            [d, a, b, c] if product && (low || high) => Ok(Op::Carry {
                how,
                d: self.target(d, line)?,
                a: self.source(a, of, line)?,
                b: self.source(b, of, line)?,
                c: self.source(c, of, line)?,
            }),
            [d, a, b] if !product => Ok(Op::Carry {
                how,
                d: self.target(d, line)?,
                a: self.source(a, of, line)?,
                b: self.source(b, of, line)?,
                c: special::CARRY,
            }),
            _ => m.fails("is not emulated"),
        }
    }

    fn insert_bits(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        let of = m.of_type()?;
        m.finish()?;
        let [d, a, b, pos, len] = ins.operands.as_slice() else {
            return m.fails("five operands are wanted");
        };
        Ok(Op::InsertBits {
            of,
            d: self.target(d, ins.line)?,
            a: self.source(a, of, ins.line)?,
            b: self.source(b, of, ins.line)?,
            pos: self.source(pos, Type::U32, ins.line)?,
            len: self.source(len, Type::U32, ins.line)?,
        })
    }

    fn lop3(&mut self, ins: &Instruction, mut m: Modifiers) -> Result<Op, PtxError> {
        m.of_type()?;
        m.finish()?;
        let [d, a, b, c, table] = ins.operands.as_slice() else {
            return m.fails("five operands are wanted");
        };
        Ok(Op::Lop3 {
            d: self.target(d, ins.line)?,
            a: self.source(a, Type::B32, ins.line)?,
            b: self.source(b, Type::B32, ins.line)?,
            c: self.source(c, Type::B32, ins.line)?,
            table: self.source(table, Type::B32, ins.line)?,
        })
    }
}
