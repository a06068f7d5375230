//! The page of first mistakes, written from the cases of `ui/first`: what the compiler says to each, in its first lines, and what
//! is to be written.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use crate::{
    case::{header_and_code, read},
    files,
    named::named_in,
    page::{GENERATED, capitalized, diff},
    tests,
};

/// Lines of a message that are shown on the page.
const SHOWN: usize = 4;

/// A program that has such a mistake.
pub(crate) struct Mistake {
    /// The file's name without its ending.
    pub(crate) name: String,
    title: String,
    /// What to do.
    remedy: String,
    code: String,
    mended: String,
    /// What the compiler says.
    pub(crate) message: String,
}

impl Mistake {
    fn read(path: &Path) -> Self {
        let shown = path.display();
        let (header, code) = header_and_code(&read(path));
        let (title, remedy) = header
            .split_once("\n\nMended: ")
            .unwrap_or_else(|| panic!("{shown}: a sentence, and behind `Mended:` what to do"));
        assert!(
            title.ends_with('.') && !title.contains('\n'),
            "{shown}: begins with a sentence on a line"
        );
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mended = tests().join(format!("mended/first/{name}.rs"));
        Self {
            title: title.trim_end_matches('.').to_owned(),
            remedy: remedy.to_owned(),
            code,
            mended: header_and_code(&read(&mended)).1,
            message: read(&path.with_extension("stderr")),
            name,
        }
    }

    /// The first lines of its messages, which a search finds.
    fn first_lines(&self) -> String {
        let errors = self
            .message
            .lines()
            .filter(|line| line.starts_with("error"));
        let mut lines: Vec<&str> = errors.collect();
        lines.dedup();
        lines.truncate(SHOWN);
        lines.join("\n")
    }
}

/// All of them, by name.
pub(crate) fn mistakes() -> Vec<Mistake> {
    let programs = files(&tests().join("ui/first"), "rs");
    programs.iter().map(|path| Mistake::read(path)).collect()
}

/// The page.
pub(crate) fn page(mistakes: &[Mistake]) -> String {
    let mut page = format!(
        "# First mistakes\n\n{GENERATED}\n\nWhat a first program may end in, and what the compiler says to it: look for the words of your message. \
         Types are as rustc prints them. Messages that end in ``see `errors/..` in sam-train's guide`` have [a page each](index.md).\n"
    );
    for mistake in mistakes {
        let Mistake {
            title,
            remedy,
            code,
            mended,
            message,
            ..
        } = mistake;
        let (lines, remedy) = (mistake.first_lines(), capitalized(remedy));
        let diff = diff(code, mended);
        write!(
            page,
            "\n## {title}\n\n```text\n{lines}\n```\n\n{remedy}{pages}\n\n```diff\n{diff}```\n",
            pages = pages(&named_in(message))
        )
        .expect("a string grows");
    }
    page
}

/// Links to the pages that a message names.
fn pages(named: &BTreeSet<String>) -> String {
    if named.is_empty() {
        return String::new();
    }
    let links: Vec<String> = named.iter().map(|of| format!("[{of}]({of}.md)")).collect();
    format!(" More: {}.", links.join(", "))
}
