//! The modifiers of an opcode: taken one by one, so that one which nobody takes is an error.

use super::rounding::Rounding;
use crate::ptx::PtxError;
use crate::ptx::statement::Instruction;
use crate::ptx::types::{Space, Type};

/// What is left of an opcode's modifiers.
pub struct Modifiers<'a> {
    left: Vec<&'a str>,
    opcode: String,
    line: u32,
}

impl<'a> Modifiers<'a> {
    pub fn of(instruction: &'a Instruction) -> Self {
        Self {
            left: instruction.opcode[1..].iter().map(String::as_str).collect(),
            opcode: instruction.opcode.join("."),
            line: instruction.line,
        }
    }

    pub fn fails<T>(&self, what: &str) -> Result<T, PtxError> {
        Err(PtxError::new(
            self.line,
            format!("`{}`: {what}", self.opcode),
        ))
    }

    /// Takes this modifier if it is there.
    pub fn take(&mut self, name: &str) -> bool {
        let at = self.left.iter().position(|m| *m == name);
        at.map(|at| self.left.remove(at)).is_some()
    }

    /// Takes the first modifier that `f` maps.
    pub fn find<T>(&mut self, f: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (at, found) = self
            .left
            .iter()
            .enumerate()
            .find_map(|(at, m)| Some((at, f(m)?)))?;
        self.left.remove(at);
        Some(found)
    }

    /// Takes the first type.
    pub fn of_type(&mut self) -> Result<Type, PtxError> {
        match self.find(Type::named) {
            Some(of) => Ok(of),
            None => self.fails("its type is not emulated"),
        }
    }

    pub fn rounding(&mut self) -> Option<Rounding> {
        self.find(Rounding::named)
    }

    pub fn space(&mut self) -> Space {
        self.find(Space::named).unwrap_or(Space::Generic)
    }

    /// `.v2`, `.v4`, ..: 1 without.
    pub fn lanes(&mut self) -> usize {
        self.find(|m| m.strip_prefix('v')?.parse().ok())
            .unwrap_or(1)
    }

    /// Drops what says how memory is ordered or cached: all is in order here.
    pub fn drop_ordering(&mut self) {
        const ORDERS: [&str; 20] = [
            "weak", "relaxed", "acquire", "release", "acq_rel", "volatile", "cta", "cluster",
            "gpu", "sys", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc", "mmio", "noftz",
        ];
        self.left
            .retain(|m| !ORDERS.contains(m) && !m.starts_with("L1::") && !m.starts_with("L2::"));
    }

    /// All modifiers must have been taken.
    pub fn finish(&self) -> Result<(), PtxError> {
        match self.left.first() {
            None => Ok(()),
            Some(m) => self.fails(&format!("the modifier `.{m}` is not emulated here")),
        }
    }
}
