//! A reader over tokens, and the operands of an instruction.

use super::PtxError;
use super::lex::{Kind, Token};

/// An operand of an instruction.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A register, a symbol, a label, a special register.
    Name(String),
    /// An integer, as 64 bits in two's complement.
    Int(u64),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// `{a, b, c, d}`
    Vector(Vec<Operand>),
    /// `(a, b)`, in a call.
    List(Vec<Operand>),
    /// `[base + offset]`
    Address(Box<Operand>, i64),
    /// `p|q`: two results.
    Pair(Box<Operand>, Box<Operand>),
    /// `!p`
    Not(Box<Operand>),
}

/// A position in a run of tokens.
pub struct Cursor<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(tokens: &'a [Token]) -> Self {
        Self { tokens, at: 0 }
    }

    pub fn done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at).map(|t| &t.kind)
    }

    /// The next token itself.
    pub fn token(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    /// The tokens that are left.
    pub fn rest(&self) -> &'a [Token] {
        &self.tokens[self.at.min(self.tokens.len())..]
    }

    pub fn advance(&mut self, by: usize) {
        self.at += by;
    }

    pub fn peek_second(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at + 1).map(|t| &t.kind)
    }

    /// The line of the next token, or of the last one.
    pub fn line(&self) -> u32 {
        let token = self.tokens.get(self.at).or_else(|| self.tokens.last());
        token.map_or(0, |t| t.line)
    }

    pub fn bump(&mut self) -> Option<&'a Kind> {
        let kind = self.peek();
        self.at += 1;
        kind
    }

    pub fn fails<T>(&self, what: impl Into<String>) -> Result<T, PtxError> {
        Err(PtxError::new(self.line(), what))
    }

    /// Takes the mark if it comes next.
    pub fn take(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Kind::Mark(mark));
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, mark: char) -> Result<(), PtxError> {
        match self.take(mark) {
            true => Ok(()),
            false => self.fails(format!("expected `{mark}`, found {:?}", self.peek())),
        }
    }

    pub fn word(&mut self) -> Result<&'a str, PtxError> {
        match self.peek() {
            Some(Kind::Word(word)) => {
                self.at += 1;
                Ok(word)
            }
            other => self.fails(format!("expected a word, found {other:?}")),
        }
    }

    /// An integer, perhaps negative.
    pub fn int(&mut self) -> Result<u64, PtxError> {
        let negative = self.take('-');
        match self.peek() {
            Some(&Kind::Int(value)) => {
                self.at += 1;
                Ok(if negative {
                    value.wrapping_neg()
                } else {
                    value
                })
            }
            other => self.fails(format!("expected an integer, found {other:?}")),
        }
    }

    /// Skips to behind the next `mark`.
    pub fn skip_past(&mut self, mark: char) {
        while !self.done() && !self.take(mark) {
            self.at += 1;
        }
    }

    /// Skips a balanced `{ .. }` whose `{` comes next; returns the tokens between.
    pub fn braces(&mut self) -> Result<&'a [Token], PtxError> {
        self.expect('{')?;
        let begin = self.at;
        let mut depth = 1;
        while depth > 0 {
            match self.bump() {
                Some(Kind::Mark('{')) => depth += 1,
                Some(Kind::Mark('}')) => depth -= 1,
                Some(_) => {}
                None => return self.fails("a `{` without its `}`"),
            }
        }
        Ok(&self.tokens[begin..self.at - 1])
    }

    /// One operand.
    pub fn operand(&mut self) -> Result<Operand, PtxError> {
        let operand = match self.peek() {
            Some(Kind::Mark('{')) => Operand::Vector(self.listed('{', '}')?),
            Some(Kind::Mark('(')) => Operand::List(self.listed('(', ')')?),
            Some(Kind::Mark('[')) => self.address()?,
            Some(Kind::Mark('!')) => {
                self.at += 1;
                Operand::Not(Box::new(self.operand()?))
            }
            Some(Kind::Mark('-') | Kind::Int(_)) => Operand::Int(self.int()?),
            Some(&Kind::F32(bits)) => {
                self.at += 1;
                Operand::F32(bits)
            }
            Some(&Kind::F64(bits)) => {
                self.at += 1;
                Operand::F64(bits)
            }
            Some(Kind::Word(word)) => {
                self.at += 1;
                Operand::Name(word.clone())
            }
            other => return self.fails(format!("expected an operand, found {other:?}")),
        };
        if self.take('|') {
            let second = self.operand()?;
            return Ok(Operand::Pair(Box::new(operand), Box::new(second)));
        }
        Ok(operand)
    }

    fn listed(&mut self, open: char, close: char) -> Result<Vec<Operand>, PtxError> {
        self.expect(open)?;
        let mut out = Vec::new();
        while !self.take(close) {
            out.push(self.operand()?);
            if !self.take(',') && self.peek() != Some(&Kind::Mark(close)) {
                return self.fails(format!(
                    "expected `,` or `{close}`, found {:?}",
                    self.peek()
                ));
            }
        }
        Ok(out)
    }

    fn address(&mut self) -> Result<Operand, PtxError> {
        self.expect('[')?;
        let base = self.operand()?;
        let offset = match self.peek() {
            Some(Kind::Mark('+')) => {
                self.at += 1;
                self.int()? as i64
            }
            Some(Kind::Mark('-')) => self.int()? as i64,
            _ => 0,
        };
        self.expect(']')?;
        Ok(Operand::Address(Box::new(base), offset))
    }
}
