//! The body of a function: declarations, labels, instructions, and blocks of these.

use super::PtxError;
use super::lex::{Kind, Token};
use super::operand::{Cursor, Operand};
use super::types::{Space, Type};

/// An instruction.
#[derive(Debug, Clone, PartialEq)]
pub struct Instruction {
    pub line: u32,
    /// `@p` or, negated, `@!p`.
    pub guard: Option<(String, bool)>,
    /// `ld`, `global`, `f32`.
    pub opcode: Vec<String>,
    pub operands: Vec<Operand>,
}

/// A variable in some space.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    pub line: u32,
    pub name: String,
    pub space: Space,
    pub align: usize,
    /// Its bytes; 0 for an array of unknown length.
    pub bytes: usize,
    /// Bytes that it begins with; `Err` for a text that the emulator does not read.
    pub initial: Result<Vec<u8>, String>,
}

/// A statement of a body.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `.reg .b32 %r<10>`: with a count, or a name alone.
    Registers(Type, Vec<(String, Option<u64>)>),
    Variable(Variable),
    Label(String),
    /// `name: .branchtargets a, b;`
    Targets(String, Vec<String>),
    Instruction(Instruction),
    Block(Vec<Statement>),
}

/// Parses the tokens between a function's braces.
pub fn body(tokens: &[Token]) -> Result<Vec<Statement>, PtxError> {
    let mut cursor = Cursor::new(tokens);
    let mut out = Vec::new();
    while !cursor.done() {
        statement(&mut cursor, &mut out)?;
    }
    Ok(out)
}

fn statement(cursor: &mut Cursor, out: &mut Vec<Statement>) -> Result<(), PtxError> {
    match (cursor.peek(), cursor.peek_second()) {
        (Some(Kind::Mark(';')), _) => cursor.expect(';')?,
        (Some(Kind::Mark('{')), _) => out.push(Statement::Block(body(cursor.braces()?)?)),
        (Some(Kind::Word(label)), Some(Kind::Mark(':'))) => {
            cursor.word()?;
            cursor.expect(':')?;
            match cursor.peek() {
                Some(Kind::Word(w)) if w == ".branchtargets" => {
                    cursor.word()?;
                    out.push(Statement::Targets(label.clone(), names(cursor)?));
                }
                _ => out.push(Statement::Label(label.clone())),
            }
        }
        (Some(Kind::Word(word)), _) if word.starts_with('.') => directive(cursor, out)?,
        _ => out.push(Statement::Instruction(instruction(cursor)?)),
    }
    Ok(())
}

fn names(cursor: &mut Cursor) -> Result<Vec<String>, PtxError> {
    let mut out = vec![cursor.word()?.to_owned()];
    while cursor.take(',') {
        out.push(cursor.word()?.to_owned());
    }
    cursor.expect(';')?;
    Ok(out)
}

fn directive(cursor: &mut Cursor, out: &mut Vec<Statement>) -> Result<(), PtxError> {
    let Some(Kind::Word(word)) = cursor.peek() else {
        return cursor.fails("expected a directive");
    };
    let first = word[1..].split('.').next().unwrap_or_default();
    match first {
        "pragma" => cursor.skip_past(';'),
        // Positions in a source file, for debuggers: they end with their line.
        "loc" | "file" => {
            let line = cursor.line();
            while !cursor.done() && cursor.line() == line {
                cursor.bump();
            }
        }
        "reg" => {
            let words = dotted(cursor)?;
            let Some(of) = words.last().and_then(|w| Type::named(w)) else {
                return cursor.fails(format!("registers of the type {words:?} are not emulated"));
            };
            let mut names = Vec::new();
            loop {
                let name = cursor.word()?.to_owned();
                let count = if cursor.take('<') {
                    let n = cursor.int()?;
                    cursor.expect('>')?;
                    Some(n)
                } else {
                    None
                };
                names.push((name, count));
                if !cursor.take(',') {
                    break;
                }
            }
            cursor.expect(';')?;
            out.push(Statement::Registers(of, names));
        }
        _ => {
            out.push(Statement::Variable(variable(cursor)?));
            cursor.expect(';')?;
        }
    }
    Ok(())
}

/// Takes words that begin with a dot; returns them in parts: `.reg .b32` and `.reg.b32` alike.
fn dotted(cursor: &mut Cursor) -> Result<Vec<String>, PtxError> {
    let mut out = Vec::new();
    while let Some(Kind::Word(word)) = cursor.peek() {
        if !word.starts_with('.') {
            break;
        }
        out.extend(word[1..].split('.').map(str::to_owned));
        cursor.bump();
        if out.last().is_some_and(|w| w == "align") {
            out.push(cursor.int()?.to_string());
        }
    }
    Ok(out)
}

/// A declaration such as `.shared .align 4 .b8 buf[4096]` or `.param .u64 x`, up to its end.
pub fn variable(cursor: &mut Cursor) -> Result<Variable, PtxError> {
    let line = cursor.line();
    let words = dotted(cursor)?;
    let Some(space) = words.iter().find_map(|w| Space::named(w)) else {
        return cursor.fails(format!(
            "the directive `.{}` is not emulated",
            words.join(" .")
        ));
    };
    let Some(of) = words.iter().find_map(|w| Type::named(w)) else {
        return cursor.fails(format!(
            "variables of `.{}` are not emulated",
            words.join(" .")
        ));
    };
    let lanes = match words.iter().find_map(|w| w.strip_prefix('v')) {
        Some(n) => n.parse().unwrap_or(1),
        None => 1,
    };
    let align = match words.iter().position(|w| w == "align") {
        Some(at) => words[at + 1].parse().unwrap_or(1),
        None => of.bytes() * lanes,
    };
    let name = cursor.word()?.to_owned();
    let mut count = 1;
    while cursor.take('[') {
        if cursor.take(']') {
            count = 0;
        } else {
            count *= cursor.int()? as usize;
            cursor.expect(']')?;
        }
    }
    let initial = if cursor.take('=') {
        initializer(cursor, of)?
    } else {
        Ok(Vec::new())
    };
    Ok(Variable {
        line,
        name,
        space,
        align: align.max(1),
        bytes: count * lanes * of.bytes(),
        initial,
    })
}

/// Numbers, in braces or not; anything else is an error of whoever uses the variable.
fn initializer(cursor: &mut Cursor, of: Type) -> Result<Result<Vec<u8>, String>, PtxError> {
    let begin = cursor.line();
    let mut bytes = Vec::new();
    let mut unread = None;
    let mut depth = 0;
    loop {
        match cursor.peek() {
            Some(Kind::Mark(';')) => break,
            Some(Kind::Mark('{')) => depth += 1,
            Some(Kind::Mark('}')) => depth -= 1,
            Some(Kind::Mark(',')) if depth == 0 => break,
            Some(Kind::Mark(',')) => {}
            Some(Kind::Int(_) | Kind::Mark('-')) => {
                bytes.extend_from_slice(&cursor.int()?.to_le_bytes()[..of.bytes()]);
                continue;
            }
            Some(&Kind::F32(bits)) => bytes.extend_from_slice(&bits.to_le_bytes()),
            Some(&Kind::F64(bits)) => bytes.extend_from_slice(&bits.to_le_bytes()),
            Some(other) => unread = Some(format!("the initial value {other:?} is not emulated")),
            None => return Err(PtxError::new(begin, "a declaration without its end")),
        }
        cursor.bump();
    }
    Ok(unread.map_or(Ok(bytes), Err))
}

fn instruction(cursor: &mut Cursor) -> Result<Instruction, PtxError> {
    let line = cursor.line();
    let guard = if cursor.take('@') {
        let negated = cursor.take('!');
        Some((cursor.word()?.to_owned(), negated))
    } else {
        None
    };
    let opcode = cursor.word()?.split('.').map(str::to_owned).collect();
    let mut operands = Vec::new();
    while !cursor.take(';') {
        operands.push(cursor.operand()?);
        if !cursor.take(',') && cursor.peek() != Some(&Kind::Mark(';')) {
            return cursor.fails(format!("expected `,` or `;`, found {:?}", cursor.peek()));
        }
    }
    Ok(Instruction {
        line,
        guard,
        opcode,
        operands,
    })
}
