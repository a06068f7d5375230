//! Characters to tokens. A word takes its dots with it: `ld.global.f32`, `%tid.x`, `.reg.b16`.

use super::PtxError;

/// A token and the line that it stands on.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: Kind,
    pub line: u32,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An opcode, a directive, a register, a label, a symbol.
    Word(String),
    /// An integer, as its 64 bits.
    Int(u64),
    /// `0f3F800000`, as its bits.
    F32(u32),
    /// `0d3FF0000000000000`, as its bits.
    F64(u64),
    /// Text between quotation marks.
    Text(String),
    /// One of `{}[]()<>,;:=+-@!|`.
    Mark(char),
}

/// The tokens of a PTX text, without comments.
pub fn tokens(text: &str) -> Result<Vec<Token>, PtxError> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len() / 4);
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let first = bytes[at];
        let begin = at;
        let begin_line = line;
        let kind = match first {
            b'\n' => {
                line += 1;
                at += 1;
                continue;
            }
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    at += 1;
                }
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at += 2;
                while at < bytes.len() && !bytes[at..].starts_with(b"*/") {
                    line += u32::from(bytes[at] == b'\n');
                    at += 1;
                }
                at += 2;
                continue;
            }
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    line += u32::from(bytes[at] == b'\n');
                    at += 1;
                }
                at += 1;
                Kind::Text(text.get(begin + 1..at - 1).unwrap_or_default().to_owned())
            }
            b if b.is_ascii_digit() => {
                while at < bytes.len() && bytes[at].is_ascii_alphanumeric() {
                    at += 1;
                }
                number(&text[begin..at], line)?
            }
            b if b.is_ascii_alphabetic() || b"_$%.".contains(&b) => {
                at += 1;
                loop {
                    if bytes[at..].starts_with(b"::") {
                        at += 2;
                    } else if bytes
                        .get(at)
                        .is_some_and(|b| b.is_ascii_alphanumeric() || b"_$.".contains(b))
                    {
                        at += 1;
                    } else {
                        break;
                    }
                }
                Kind::Word(text[begin..at].to_owned())
            }
            b if b"{}[]()<>,;:=+-@!|".contains(&b) => {
                at += 1;
                Kind::Mark(b as char)
            }
            b => {
                let what = format!("unexpected character {:?}", b as char);
                return Err(PtxError::new(line, what));
            }
        };
        out.push(Token {
            kind,
            line: begin_line,
        });
    }
    Ok(out)
}

fn number(text: &str, line: u32) -> Result<Kind, PtxError> {
    let digits = text.trim_end_matches('U');
    let hex = |from: usize| u64::from_str_radix(&digits[from..], 16);
    let kind = match digits.as_bytes() {
        [b'0', b'f' | b'F', ..] => hex(2).map(|bits| Kind::F32(bits as u32)),
        [b'0', b'd' | b'D', ..] => hex(2).map(Kind::F64),
        [b'0', b'x' | b'X', ..] => hex(2).map(Kind::Int),
        [b'0', b'b' | b'B', ..] => u64::from_str_radix(&digits[2..], 2).map(Kind::Int),
        [b'0', _, ..] => u64::from_str_radix(&digits[1..], 8).map(Kind::Int),
        _ => digits.parse().map(Kind::Int),
    };
    kind.map_err(|e| PtxError::new(line, format!("the number `{text}`: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_dots_and_lines() {
        let found = tokens("// a comment\n@!%p1 ld.global.f32 %f1,\t[%rd2+-4]; /* two\nlines */ x")
            .unwrap();
        let words: Vec<_> = found
            .iter()
            .filter_map(|t| match &t.kind {
                Kind::Word(w) => Some((w.as_str(), t.line)),
                _ => None,
            })
            .collect();
        assert_eq!(
            words,
            [
                ("%p1", 2),
                ("ld.global.f32", 2),
                ("%f1", 2),
                ("%rd2", 2),
                ("x", 3)
            ]
        );
    }

    #[test]
    fn numbers_of_every_base() {
        let kinds =
            |text| -> Vec<Kind> { tokens(text).unwrap().into_iter().map(|t| t.kind).collect() };
        assert_eq!(
            kinds("10 0x1fU 017 0b101 0f3F800000 0d3FF0000000000000"),
            [
                Kind::Int(10),
                Kind::Int(31),
                Kind::Int(15),
                Kind::Int(5),
                Kind::F32(1f32.to_bits()),
                Kind::F64(1f64.to_bits())
            ]
        );
    }

    #[test]
    fn what_is_no_ptx_is_named_with_its_line() {
        assert_eq!(tokens("ret;\n  ~").unwrap_err().line, 2);
        assert!(tokens("12x4").unwrap_err().what.contains("12x4"));
    }
}
