//! What the compiler says to a program.

use serde_json::Value;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Version {
    Plain,
    Attributed,
}

/// What the compiler says to a program.
pub(crate) struct CompileError {
    pub(crate) program: usize,
    pub(crate) version: Version,
    pub(crate) message: String,
    pub(crate) rendered: String,
}

impl CompileError {
    /// The error of a message of the compiler's, if it points at a program.
    pub(super) fn of(message: &Value) -> Option<Self> {
        let (program, version) = program_of(message)?;
        Some(Self {
            program,
            version,
            message: first_line(message),
            rendered: message["rendered"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

/// The program at which an error points.
fn program_of(message: &Value) -> Option<(usize, Version)> {
    let spans = message["spans"].as_array()?;
    let children = message["children"].as_array()?;
    let of_children = children
        .iter()
        .filter_map(|child| child["spans"].as_array())
        .flatten();
    spans.iter().chain(of_children).find_map(program_of_span)
}

fn program_of_span(span: &Value) -> Option<(usize, Version)> {
    let file = span["file_name"].as_str()?;
    let named = file.rsplit(['/', '\\']).next()?.strip_suffix(".rs")?;
    let (index, version) = named
        .strip_prefix('p')
        .and_then(|named| named.split_once('_'))?;
    let version = match version {
        "plain" => Version::Plain,
        "near" => Version::Attributed,
        _ => return None,
    };
    Some((index.parse().ok()?, version))
}

/// The message, without names of the program's own.
fn first_line(message: &Value) -> String {
    let code = message["code"]["code"]
        .as_str()
        .map_or(String::new(), |code| format!("[{code}] "));
    let text = message["message"].as_str().unwrap_or_default();
    let quoted = |(at, part): (usize, &str)| {
        if at % 2 == 1 {
            "`..`".to_owned()
        } else {
            part.to_owned()
        }
    };
    let first = text.lines().next().unwrap_or_default();
    let general: String = first.split('`').enumerate().map(quoted).collect();
    let page = text
        .split(['#', '/'])
        .next_back()
        .filter(|_| text.contains("http"))
        .map(str::trim);
    let page = page.map_or(String::new(), |page| format!(" ({page})"));
    format!("{code}{general}{page}")
}
