//! PTX text: from characters to tokens, from tokens to a module whose function bodies are parsed
//! only when they are needed.

pub mod lex;
pub mod module;
pub mod operand;
pub mod statement;
pub mod types;

/// What is wrong with a PTX text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PTX line {line}: {what}")]
#[non_exhaustive]
pub struct PtxError {
    /// The line of the module's text, from 1.
    pub line: u32,
    /// What is wrong there, with the text that is.
    pub what: String,
}

impl PtxError {
    pub(crate) fn new(line: u32, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}
