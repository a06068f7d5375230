//! Names in nested scopes: registers, variables, labels.

use std::collections::HashMap;

use super::op::{Slot, special};
use crate::ptx::types::Space;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    /// A register and its bits.
    Register(Slot, u8),
    /// A variable of this frame, at an offset of its space (local or param).
    Frame(Space, u32),
    /// A variable at a fixed address of its space (shared).
    Shared(u32),
    /// The begin of dynamic shared memory.
    Dynamic,
    /// A label's number.
    Label(u32),
    /// The number of a list of labels.
    Targets(u32),
}

#[derive(Default)]
struct Scope {
    names: HashMap<String, Symbol>,
    /// `%r<10>`: the stem, the count, the first slot, the bits.
    ranges: Vec<(String, u64, Slot, u8)>,
}

/// The scopes that are open, the innermost last.
pub struct Scopes(Vec<Scope>);

impl Scopes {
    pub fn new() -> Self {
        Self(vec![Scope::default()])
    }

    pub fn open(&mut self) {
        self.0.push(Scope::default());
    }

    pub fn close(&mut self) {
        self.0.pop();
    }

    pub fn insert(&mut self, name: &str, symbol: Symbol) {
        if let Some(scope) = self.0.last_mut() {
            scope.names.insert(name.to_owned(), symbol);
        }
    }

    /// Declares `stem0`, `stem1`, .. in slots from `first` on.
    pub fn insert_range(&mut self, stem: &str, count: u64, first: Slot, bits: u8) {
        if let Some(scope) = self.0.last_mut() {
            scope.ranges.push((stem.to_owned(), count, first, bits));
        }
    }

    pub fn find(&self, name: &str) -> Option<Symbol> {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let number: Option<u64> = name[stem.len()..].parse().ok();
        self.0.iter().rev().find_map(|scope| {
            let in_range = || {
                let number = number?;
                let ranges = scope.ranges.iter();
                let mut found = ranges.filter(|(s, count, ..)| s == stem && number < *count);
                let (_, _, first, bits) = found.next()?;
                Some(Symbol::Register(first + number as Slot, *bits))
            };
            scope.names.get(name).copied().or_else(in_range)
        })
    }
}

/// The slot of a special register.
pub fn special_register(name: &str) -> Option<Slot> {
    let axis = |base: Slot, name: &str| match name {
        "x" => Some(base),
        "y" => Some(base + 1),
        "z" => Some(base + 2),
        _ => None,
    };
    match name.strip_prefix('%')?.split_once('.') {
        Some(("tid", a)) => axis(special::TID, a),
        Some(("ntid", a)) => axis(special::NTID, a),
        Some(("ctaid", a)) => axis(special::CTAID, a),
        Some(("nctaid", a)) => axis(special::NCTAID, a),
        Some(_) => None,
        None => Some(match &name[1..] {
            "laneid" => special::LANE,
            "warpid" => special::WARP,
            "nwarpid" => special::WARPS,
            "lanemask_eq" => special::LANEMASK,
            "lanemask_le" => special::LANEMASK + 1,
            "lanemask_lt" => special::LANEMASK + 2,
            "lanemask_ge" => special::LANEMASK + 3,
            "lanemask_gt" => special::LANEMASK + 4,
            "dynamic_smem_size" => special::DYNAMIC_BYTES,
            _ => return None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_names_hide_outer_ones_until_their_scope_closes() {
        let mut scopes = Scopes::new();
        scopes.insert_range("%r", 3, 10, 32);
        scopes.insert("t", Symbol::Register(5, 32));
        assert_eq!(scopes.find("%r2"), Some(Symbol::Register(12, 32)));
        assert_eq!(scopes.find("%r3"), None);
        scopes.open();
        scopes.insert("t", Symbol::Register(6, 16));
        assert_eq!(scopes.find("t"), Some(Symbol::Register(6, 16)));
        assert_eq!(scopes.find("%r0"), Some(Symbol::Register(10, 32)));
        scopes.close();
        assert_eq!(scopes.find("t"), Some(Symbol::Register(5, 32)));
    }

    #[test]
    fn special_registers_have_slots() {
        assert_eq!(special_register("%tid.y"), Some(special::TID + 1));
        assert_eq!(
            special_register("%lanemask_gt"),
            Some(special::LANEMASK + 4)
        );
        assert_eq!(special_register("%clock"), None);
        assert_eq!(special_register("tid.x"), None);
    }
}
