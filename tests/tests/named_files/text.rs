//! Where a file speaks of others: its comments, its tables, or all of a page.

use std::path::Path;

/// How a file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Comments that begin with two slashes. CUDA's files, too.
    Rust,
    /// Comments that begin with `#`.
    Script,
    /// A page: everything but its blocks of code.
    Page,
}

impl Kind {
    pub(crate) fn of(file: &Path) -> Option<Self> {
        match file.extension().and_then(|e| e.to_str()) {
            Some("rs" | "cu" | "cuh") => Some(Self::Rust),
            Some("sh" | "py" | "toml") => Some(Self::Script),
            Some("md") => Some(Self::Page),
            _ if file == Path::new(".ci/run") => Some(Self::Script),
            _ => None,
        }
    }

    /// What a line says, if it is one that says something.
    fn said(self, line: &str) -> Option<&str> {
        let line = line.trim_start();
        match self {
            Self::Rust => line
                .strip_prefix("//")
                .map(|rest| rest.trim_start_matches(['/', '!'])),
            Self::Script => line.strip_prefix('#'),
            Self::Page => Some(line),
        }
    }
}

/// A line that says something.
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
    /// Whether it is a row of a table of files.
    pub(crate) table: bool,
}

pub(crate) fn lines(kind: Kind, text: &str) -> impl Iterator<Item = Line> {
    let (mut code, mut header) = (false, None);
    text.lines().enumerate().filter_map(move |(index, line)| {
        let Some(said) = kind.said(line).map(str::trim) else {
            (code, header) = (false, None);
            return None;
        };
        if said.starts_with("```") {
            code = !code;
            return None;
        }
        if code {
            return None;
        }
        let first = said.strip_prefix('|').and_then(|row| row.split('|').next());
        let Some(first) = first.map(str::trim) else {
            header = None;
            return Some(Line {
                number: index + 1,
                text: said.into(),
                table: false,
            });
        };
        let of_files = kind == Kind::Rust && header.is_some_and(|of_files| of_files);
        header = header.or(Some(matches!(first, "file" | "folder" | "module")));
        Some(Line {
            number: index + 1,
            text: said.into(),
            table: of_files,
        })
    })
}
