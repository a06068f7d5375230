//! A module: its variables, and its functions with bodies still unparsed, so that a kernel that
//! is never launched may hold anything.

use std::collections::HashMap;

use super::PtxError;
use super::lex::{Kind, Token, tokens};
use super::operand::Cursor;
use super::statement::{Variable, variable};

/// A kernel or a device function.
#[derive(Debug, Clone)]
pub struct Function {
    pub line: u32,
    pub name: String,
    /// Is it a kernel?
    pub entry: bool,
    pub returns: Vec<Variable>,
    pub params: Vec<Variable>,
    /// `.maxntid` or `.reqntid`: the most threads of a block.
    pub max_threads: Option<u64>,
    /// None for a function that is declared only.
    pub body: Option<Vec<Token>>,
}

/// A parsed module.
#[derive(Debug, Clone, Default)]
pub struct Module {
    pub variables: Vec<Variable>,
    pub functions: HashMap<String, Function>,
}

impl Module {
    /// Parses a module's text: everything but the bodies of its functions.
    pub fn parse(text: &str) -> Result<Self, PtxError> {
        let tokens = tokens(text)?;
        let mut cursor = Cursor::new(&tokens);
        let mut module = Self::default();
        if !matches!(cursor.peek(), Some(Kind::Word(w)) if w == ".version") {
            return cursor.fails("a PTX text begins with `.version`; this is none");
        }
        while !cursor.done() {
            module.directive(&mut cursor)?;
        }
        Ok(module)
    }

    fn directive(&mut self, cursor: &mut Cursor) -> Result<(), PtxError> {
        let line = cursor.line();
        let word = match cursor.peek() {
            Some(Kind::Word(word)) => word.as_str(),
            other => return cursor.fails(format!("expected a directive, found {other:?}")),
        };
        match word {
            // These end with their line.
            ".version" | ".target" | ".address_size" | ".file" | ".loc" => {
                while !cursor.done() && cursor.line() == line {
                    cursor.bump();
                }
            }
            ".visible" | ".extern" | ".weak" | ".common" => {
                cursor.word()?;
            }
            ".pragma" | ".alias" => cursor.skip_past(';'),
            ".section" => {
                cursor.word()?;
                cursor.word()?;
                cursor.braces()?;
            }
            ".entry" | ".func" => {
                cursor.word()?;
                let function = function(cursor, line, word == ".entry")?;
                let known = self.functions.get(&function.name);
                // A declaration does not replace a definition.
                if function.body.is_some() || known.is_none() {
                    self.functions.insert(function.name.clone(), function);
                }
            }
            _ => {
                self.variables.push(variable(cursor)?);
                cursor.expect(';')?;
            }
        }
        Ok(())
    }
}

fn function(cursor: &mut Cursor, line: u32, entry: bool) -> Result<Function, PtxError> {
    let returns = match cursor.peek() {
        Some(Kind::Mark('(')) => parameters(cursor)?,
        _ => Vec::new(),
    };
    let name = cursor.word()?.to_owned();
    let params = match cursor.peek() {
        Some(Kind::Mark('(')) => parameters(cursor)?,
        _ => Vec::new(),
    };
    let mut max_threads = None;
    let body = loop {
        match cursor.peek() {
            Some(Kind::Mark('{')) => break Some(cursor.braces()?.to_vec()),
            Some(Kind::Mark(';')) => {
                cursor.bump();
                break None;
            }
            Some(Kind::Word(word)) => {
                cursor.bump();
                let mut product = 1u64;
                while let Some(Kind::Int(n)) = cursor.peek() {
                    product = product.saturating_mul(*n);
                    cursor.bump();
                    cursor.take(',');
                }
                if word == ".maxntid" || word == ".reqntid" {
                    max_threads = Some(product);
                }
            }
            other => return cursor.fails(format!("expected the body of {name}, found {other:?}")),
        }
    };
    Ok(Function {
        line,
        name,
        entry,
        returns,
        params,
        max_threads,
        body,
    })
}

fn parameters(cursor: &mut Cursor) -> Result<Vec<Variable>, PtxError> {
    cursor.expect('(')?;
    let mut out = Vec::new();
    while !cursor.take(')') {
        // `.ptr .global .align 4` after a pointer says what it points to: nothing to emulate.
        let mut parameter = variable_with_pointer(cursor)?;
        parameter.initial = Ok(Vec::new());
        out.push(parameter);
        cursor.take(',');
    }
    Ok(out)
}

fn variable_with_pointer(cursor: &mut Cursor) -> Result<Variable, PtxError> {
    let begin = cursor.position();
    let mut words = Cursor::new(cursor.rest());
    let mut own = Vec::new();
    let mut pointer = false;
    loop {
        let token = words.token();
        match words.bump() {
            Some(Kind::Mark(',' | ')')) | None => break,
            Some(Kind::Word(w)) if w == ".ptr" => pointer = true,
            Some(Kind::Word(w)) if !w.starts_with('.') => {
                pointer = false;
                own.extend(token.cloned());
            }
            Some(_) if pointer => {}
            Some(_) => own.extend(token.cloned()),
        }
    }
    cursor.advance(words.position() - 1);
    debug_assert!(cursor.position() > begin);
    variable(&mut Cursor::new(&own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
.version 9.0
.target sm_90
.address_size 64
.func (.param .b64 r) twice (.param .b64 a) ;
.global .align 4 .b8 table[8] = {1, 0, 0, 0, 255};
.extern .shared .align 16 .b8 dynamic[];
.visible .entry k(
    .param .u64 .ptr .global .align 4 k_param_0,
    .param .align 8 .b8 k_param_1[24]
)
.maxntid 16, 8
{ ret; { anything at all } }
.func (.param .b64 r) twice (.param .b64 a) { ret; }
";

    #[test]
    fn finds_functions_parameters_and_variables() {
        let module = Module::parse(TEXT).unwrap();
        let k = &module.functions["k"];
        assert!(k.entry && k.body.is_some());
        assert_eq!(k.max_threads, Some(128));
        let sizes: Vec<_> = k
            .params
            .iter()
            .map(|p| (p.name.as_str(), p.bytes))
            .collect();
        assert_eq!(sizes, [("k_param_0", 8), ("k_param_1", 24)]);
        let twice = &module.functions["twice"];
        assert!(!twice.entry && twice.body.is_some());
        assert_eq!(module.variables[0].initial, Ok(vec![1, 0, 0, 0, 255]));
        assert_eq!(
            (module.variables[1].bytes, module.variables[1].align),
            (0, 16)
        );
    }

    #[test]
    fn other_texts_are_refused() {
        assert!(Module::parse("").is_err());
        assert!(Module::parse("\u{7f}ELF").is_err());
        let open = Module::parse(".version 9.0\n.visible .entry k() {\n").unwrap_err();
        assert!(open.what.contains('{'), "{open}");
    }
}
