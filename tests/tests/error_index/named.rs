//! The entries that the sources name: those of the macro's kinds, and those in the traits' diagnostics.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::case::read;

#[path = "../../../sam-macros/src/errors/kind.rs"]
mod kind;

/// The entries of the macro.
pub(crate) fn by_the_macro() -> BTreeSet<String> {
    let kinds = kind::Kind::ALL.iter();
    kinds.map(|kind| kind.entry().to_owned()).collect()
}

/// The entries that `text` names.
pub(crate) fn named_in(text: &str) -> BTreeSet<String> {
    let behind = text.split("`errors/").skip(1);
    behind
        .filter_map(|rest| rest.split_once('`'))
        .map(|(entry, _)| entry.to_owned())
        .collect()
}

/// The entries that the runtime names in the texts of its diagnostics.
///
/// # Panics
/// If a trait's diagnostic names none.
pub(crate) fn by_the_runtime(sources: &Path) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for file in rust_files(sources) {
        let text = read(&file);
        for rest in text.split("#[diagnostic::on_unimplemented(").skip(1) {
            let (attribute, _) = rest.split_once("\n)]").expect("an attribute ends");
            assert!(
                attribute.contains("note = \"see `errors/"),
                "{}: this diagnostic names no entry of the guide:\n{attribute}",
                file.display()
            );
        }
        named.extend(named_in(&text));
    }
    named
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
