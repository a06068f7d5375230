//! Pages: what they consist of.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::include::expanded;

/// A page of the book, or the README.
#[derive(Debug)]
pub struct Page {
    /// Its file.
    pub path: PathBuf,
    /// Its blocks of code.
    pub blocks: Vec<Block>,
    /// Where its links and images lead.
    pub links: Vec<Place>,
    /// What stands in backticks.
    pub codes: Vec<Place>,
    /// What its headings are called in links: `#what-it-costs`.
    pub anchors: Vec<String>,
}

/// A block of code.
#[derive(Debug)]
pub struct Block {
    /// What stands behind the fence: `rust,no_run`.
    pub tag: String,
    /// Its lines.
    pub text: String,
    /// Where it begins, counted from 1, with what the page includes.
    pub line: usize,
}

/// A destination or a name, and where it stands.
#[derive(Debug)]
pub struct Place {
    /// The destination, or the name.
    pub to: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("the crate is in `book/doctests`")
        .into()
}

/// All pages below `book/src`, and the README.
///
/// # Panics
/// Where one can't be read.
pub fn pages() -> Vec<Page> {
    let mut paths = vec![root().join("README.md")];
    let mut folders = vec![root().join("book/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the book has this folder") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = expanded(path, |_| {}).expect("the page can be read");
        let mut page = parse(&text);
        page.path = path.into();
        page
    }

    /// Its file, from the root on.
    pub fn name(&self) -> String {
        let path = self.path.strip_prefix(root()).unwrap_or(&self.path);
        path.display().to_string()
    }
}

fn parse(text: &str) -> Page {
    let mut page = Page {
        path: PathBuf::new(),
        blocks: Vec::new(),
        links: Vec::new(),
        anchors: Vec::new(),
        codes: Vec::new(),
    };
    let mut times = HashMap::new();
    let mut block: Option<Block> = None;
    let mut heading: Option<(Option<String>, String)> = None;
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES | Options::ENABLE_FOOTNOTES;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        let line = text[..range.start].matches('\n').count() + 1;
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let tag = match kind {
                    CodeBlockKind::Fenced(tag) => tag.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let text = String::new();
                block = Some(Block { tag, text, line });
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let to = dest_url.to_string();
                page.links.push(Place { to, line });
            }
            Event::Start(Tag::Heading { id, .. }) => {
                heading = Some((id.map(|id| id.to_string()), String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((id, title)) = heading.take() {
                    let id = id.unwrap_or_else(|| slug(&title));
                    let seen = times.entry(id.clone()).or_insert(0);
                    page.anchors.push(match *seen {
                        0 => id,
                        n => format!("{id}-{n}"),
                    });
                    *seen += 1;
                }
            }
            Event::Text(words) => {
                if let Some(block) = &mut block {
                    block.text += &words;
                } else if let Some((_, title)) = &mut heading {
                    *title += &words;
                }
            }
            Event::Code(words) => {
                if let Some((_, title)) = &mut heading {
                    *title += &words;
                }
                let to = words.to_string();
                page.codes.push(Place { to, line });
            }
            _ => {}
        }
    }
    page
}

/// What mdbook and GitHub make of a heading: small letters, `-` for spaces, no punctuation.
fn slug(title: &str) -> String {
    let kept = title.trim().chars().filter_map(|c| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_lowercase().next()?),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_links_and_headings_are_found() {
        let page = parse(
            "# What it *costs*, `m` & all\n\nSee [this](a.md#b) and ![that](c.svg).\n\n\
             ```rust,no_run\nfn main() {}\n```\n\n## Twice\n\n## Twice\n\n    indented\n",
        );
        assert_eq!(page.anchors, ["what-it-costs-m--all", "twice", "twice-1"]);
        let links: Vec<_> = page.links.iter().map(|l| (&*l.to, l.line)).collect();
        assert_eq!(links, [("a.md#b", 3), ("c.svg", 3)]);
        let blocks: Vec<_> = page
            .blocks
            .iter()
            .map(|b| (&*b.tag, &*b.text, b.line))
            .collect();
        assert_eq!(
            blocks,
            [("rust,no_run", "fn main() {}\n", 5), ("", "indented\n", 13)]
        );
    }
}
