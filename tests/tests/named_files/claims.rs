//! What a word claims to be there, and whether it is.

use std::path::{Component, Path, PathBuf};

use crate::{text::Kind, tree::Tree};

/// Something that is named.
#[derive(Debug)]
pub(crate) enum Named {
    /// The row of a table of files: a file, a folder or an item beside the table.
    Row(String),
    /// A path with a slash in it.
    Path(String),
    /// The name of a file, wherever it is.
    File(String),
    /// A path of Rust, all of it in small letters: a module's, a function's, a test's.
    Item(String),
}

/// Folders of the root that are named without backticks, too.
const FOLDERS: [&str; 8] = [
    "benches/",
    "book/",
    "examples/",
    "fuzz/",
    "sam-macros/",
    "sam-runtime/",
    "tests/",
    "tools/",
];

/// Endings of names of files.
const ENDINGS: [&str; 7] = [".cu", ".cuh", ".md", ".py", ".rs", ".sh", ".toml"];

/// Files that programs write.
const WRITTEN: [&str; 1] = ["config.toml"];

impl Named {
    pub(crate) fn name(&self) -> &str {
        let (Self::Row(name) | Self::Path(name) | Self::File(name) | Self::Item(name)) = self;
        name
    }

    /// What stands in backticks.
    fn in_ticks(name: &str) -> Option<Self> {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        let is_item = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let name = name.trim_end_matches('/');
        if name.contains("::") {
            let parts = name.trim_end_matches("()").split("::");
            let mut parts = parts.map(|part| !part.is_empty() && part.chars().all(is_item));
            return parts.all(|fine| fine).then(|| Self::Item(name.into()));
        }
        if name.is_empty() || !name.chars().all(is_path) || name.starts_with(['/', '.']) {
            return None;
        }
        if name.contains('/') {
            return Some(Self::Path(name.into()));
        }
        let stem = ENDINGS
            .iter()
            .find_map(|ending| name.strip_suffix(ending))?;
        // In capitals it stands for a name.
        let is_file = stem.chars().any(|c| c.is_ascii_lowercase()) && !WRITTEN.contains(&name);
        is_file.then(|| Self::File(name.into()))
    }
}

/// What a line names; in a table of files the first column names them.
pub(crate) fn named(kind: Kind, line: &str, table: bool) -> Vec<Named> {
    let mut found = Vec::new();
    let (first, rest) = match table {
        true => line[1..].split_once('|').unwrap_or((line, "")),
        false => ("", line),
    };
    let in_ticks = |text: &str| -> Vec<String> {
        let parts = text.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    found.extend(in_ticks(first).into_iter().map(Named::Row));
    found.extend(
        in_ticks(rest)
            .iter()
            .filter_map(|name| Named::in_ticks(name)),
    );
    if kind != Kind::Page {
        let plain: String = rest.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let is_end = |c: char| c.is_whitespace() || ",;:()\"'".contains(c);
        let words = plain.split(is_end).map(|word| word.trim_end_matches('.'));
        let words = words.filter(|word| FOLDERS.iter().any(|start| word.starts_with(start)));
        found.extend(words.filter_map(Named::in_ticks));
    }
    found
}

/// What is wrong with a name that stands in `file`.
pub(crate) fn missing(tree: &Tree, file: &Path, named: &Named) -> Option<&'static str> {
    match named {
        Named::Row(name) => {
            let folder = file.parent()?;
            let beside = [folder.join(name), file.with_extension("").join(name)];
            let item = name.rsplit("::").next().unwrap_or(name);
            let found = beside.iter().any(|path| tree.has(path)) || tree.defines(file, item);
            (!found).then_some("is no file, folder or item here")
        }
        Named::Path(name) => {
            let first = name.split('/').next()?;
            if tree.is_foreign(first) {
                // A file of another crate, as `dfdx/src/lib.rs`.
                return None;
            }
            let starts = || tree.starts(file);
            let is_ours =
                starts().any(|start| tree.has_folder(&start.join(first))) || name.ends_with(".rs");
            let found = starts().any(|start| tree.has(&plain(&start.join(name))));
            (is_ours && !found).then_some("isn't there")
        }
        Named::File(name) => (!tree.has_file(name)).then_some("is the name of no file"),
        Named::Item(name) => {
            let mut parts = name.trim_end_matches("()").split("::");
            let first = parts.next()?;
            let is_ours = tree.has_item(first) && !tree.is_foreign(first);
            let found = parts.all(|part| tree.has_item(part));
            (is_ours && !found).then_some("is no module, function or test")
        }
    }
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}
