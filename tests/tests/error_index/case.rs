//! A compile-fail case as a file: its header, its code, what the compiler says to it.

use std::{fs, path::Path};

/// One case of `ui`, `ui_mono` or `ui_run`.
pub(crate) struct Case {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The folder that it is in.
    pub(crate) group: String,
    /// What is wrong, in a sentence.
    pub(crate) title: String,
    pub(crate) about: About,
    /// The program, without the header.
    pub(crate) code: String,
    /// What the compiler says.
    pub(crate) message: String,
}

/// What the header says that the case is to the index.
pub(crate) enum About {
    /// An entry of the case's own name.
    Entry {
        /// Why it is an error, in paragraphs.
        why: Vec<String>,
        /// What to do.
        mended: String,
        /// Whether the message is rustc's own, which can't name an entry.
        by_rustc: bool,
    },
    /// Another form of the error of this entry.
    Form(String),
    /// Nothing: the header says why.
    Nothing,
}

impl Case {
    /// Reads the case at `path`.
    pub(crate) fn read(path: &Path) -> Self {
        let shown = path.display();
        let text = read(path);
        let (header, code) = header_and_code(&text);
        let mut paragraphs = header.split("\n\n").map(str::to_owned);
        let title = paragraphs.next().unwrap_or_default();
        assert!(title.ends_with('.'), "{shown}: begins with a sentence");
        let (mut why, mut mended, mut of, mut by_rustc) = (Vec::new(), None, None, false);
        for paragraph in paragraphs {
            if let Some(how) = paragraph.strip_prefix("Mended: ") {
                mended = Some(how.to_owned());
            } else if let Some(entry) = paragraph.strip_prefix("Entry: ") {
                of = Some(entry.to_owned());
            } else if paragraph == "From: rustc" {
                by_rustc = true;
            } else {
                why.push(paragraph);
            }
        }
        let about = match (mended, of) {
            (Some(mended), None) => {
                assert!(!why.is_empty(), "{shown}: says why it is an error");
                About::Entry {
                    why,
                    mended,
                    by_rustc,
                }
            }
            (None, Some(of)) if of.starts_with("none, for ") => About::Nothing,
            (None, Some(of)) => About::Form(of),
            _ => panic!("{shown}: the header has either `Mended: ..` or `Entry: ..`"),
        };
        Self {
            name: file_stem(path),
            group: path.parent().map(file_stem).unwrap_or_default(),
            title,
            about,
            code,
            message: read(&path.with_extension("stderr")),
        }
    }

    /// The name of the entry that the case belongs to.
    pub(crate) fn entry(&self) -> Option<&str> {
        match &self.about {
            About::Entry { .. } => Some(&self.name),
            About::Form(of) => Some(of),
            About::Nothing => None,
        }
    }
}

/// The text of the doc comments at the head of a file, and what follows them.
pub(crate) fn header_and_code(text: &str) -> (String, String) {
    let (mut header, mut code) = (String::new(), String::new());
    for line in text.lines() {
        match line.strip_prefix("//!") {
            Some(said) if code.is_empty() => {
                header.push_str(said.strip_prefix(' ').unwrap_or(said));
                header.push('\n');
            }
            _ => {
                code.push_str(line);
                code.push('\n');
            }
        }
    }
    // A program that a test runs is called from outside.
    let code = code.replace("\npub(crate) fn main()", "\nfn main()");
    (header.trim().to_owned(), format!("{}\n", code.trim()))
}

/// The text of a file that must be there.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
