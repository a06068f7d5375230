//! Random training functions as source text.

mod body;
mod expression;
mod form;
mod function;
mod item;
mod keys;
mod network;
mod run;
mod scope;
mod snippets;
mod source;
mod step;
mod writer;

/// What a program is meant to show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Class {
    /// What people write: hardly any of it may be refused.
    Everyday,
    /// What the contract names: may be refused, but never be another program.
    Breaking,
}

/// What a version of a program has.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum With {
    Nothing,
    Attribute,
    /// The attribute, and its key `parallel`.
    Parallel,
}

pub(crate) struct Program {
    pub(crate) class: Class,
    pub(crate) seed: u64,
    /// Items before the function.
    before: String,
    pub(crate) attribute: String,
    function: String,
    /// The run.
    after: String,
    /// Whether rho is what the run says, so that it can be 0.
    pub(crate) by_run: bool,
    /// Whether sums are taken in another order under the attribute.
    pub(crate) inexact: bool,
    /// Whether batches may have any number of rows.
    dynamic: bool,
    /// What it contains.
    pub(crate) kinds: Vec<&'static str>,
}

impl Program {
    /// The program of this seed.
    pub(crate) fn new(seed: u64, class: Class) -> Self {
        function::write(seed, class)
    }

    /// Whether its attribute cuts batches into chunks.
    pub(crate) fn is_in_chunks(&self) -> bool {
        self.attribute.contains(", m = ")
    }

    /// Its source text.
    pub(crate) fn source(&self, with: With) -> String {
        let attribute = match with {
            With::Nothing => String::new(),
            With::Attribute => self.attribute.clone(),
            With::Parallel => self.attribute.replace(")]", ", parallel = true)]"),
        };
        let rows = if self.dynamic { "dynamic" } else { "fixed" };
        let text = [
            "use world::{or_continue, prelude::*, recorded as print, recorded as println, scaled, skip_if};",
            &format!("use world::prelude::{rows}::*;\n"),
            &self.before,
            &attribute,
            &self.function,
            &self.after,
        ];
        indented(&text.join("\n"))
    }
}

/// Indents by the depth of brackets.
fn indented(text: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let closes = line.chars().take_while(|c| "})]".contains(*c)).count();
        let indent = "    ".repeat(depth.saturating_sub(closes));
        out += &format!("{indent}{line}\n");
        let opened = line.matches(['{', '(', '[']).count();
        let closed = line.matches(['}', ')', ']']).count();
        depth = (depth + opened).saturating_sub(closed);
    }
    out
}
