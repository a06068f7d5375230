//! Links lead somewhere: files are there, and have the headings that are asked for.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use guide::page::{pages, root};

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let anchors: HashMap<PathBuf, &[String]> = pages
        .iter()
        .map(|page| (page.path.canonicalize().unwrap(), &*page.anchors))
        .collect();
    let mut wrong = Vec::new();
    for page in &pages {
        for link in &page.links {
            let mut report = |problem: &str| {
                wrong.push(format!(
                    "{}:{}: {} {problem}",
                    page.name(),
                    link.line,
                    link.to
                ));
            };
            if link.to.starts_with("https://") {
                continue;
            }
            if link.to.contains("://") {
                report("is no https");
                continue;
            }
            let (file, anchor) = match link.to.split_once('#') {
                Some((file, anchor)) => (file, Some(anchor)),
                None => (&*link.to, None),
            };
            let path = match file {
                "" => page.path.clone(),
                file => page.path.parent().unwrap().join(file),
            };
            let Ok(path) = path.canonicalize() else {
                report("isn't there");
                continue;
            };
            // A page of the book can't lead to files that are not in it: on the web they are elsewhere.
            let book = root().join("book/src");
            if page.path.starts_with(&book) && !path.starts_with(book.canonicalize().unwrap()) {
                report("leads out of the book");
            }
            if let Some(anchor) = anchor {
                match anchors.get(&path) {
                    Some(known) if known.iter().any(|known| known == anchor) => {}
                    _ => report("has no such heading"),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_page_is_in_the_summary_and_the_other_way_round() {
    let pages = pages();
    let is_summary = |path: &Path| path.file_name().is_some_and(|name| name == "SUMMARY.md");
    let summary = pages.iter().find(|page| is_summary(&page.path)).unwrap();
    let book = root().join("book/src");
    let listed: BTreeSet<PathBuf> = summary.links.iter().map(|l| book.join(&l.to)).collect();
    let there: BTreeSet<PathBuf> = pages
        .iter()
        .map(|page| page.path.clone())
        .filter(|path| path.starts_with(&book) && !is_summary(path))
        // Tables that pages include.
        .filter(|path| !path.starts_with(book.join("images")))
        .collect();
    assert_eq!(listed, there);
}

/// Names in backticks that begin with a folder of the repository are files of it.
#[test]
fn every_file_that_is_named_is_there() {
    let folders = [
        "sam-macros/",
        "sam-runtime/",
        "examples/",
        "tests/",
        "book/",
        "benches/",
        "fuzz/",
    ];
    let mut wrong = Vec::new();
    for page in pages() {
        for name in &page.codes {
            let is_file = folders.iter().any(|folder| name.to.starts_with(folder));
            // A program may be named with what it is given.
            let file = name.to.split(' ').next().unwrap_or_default();
            if is_file && !root().join(file).exists() {
                wrong.push(format!("{}:{}: {}", page.name(), name.line, name.to));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_picture_is_shown() {
    let pages = pages();
    let shown: BTreeSet<String> = pages
        .iter()
        .flat_map(|page| &page.links)
        .filter_map(|link| Some(Path::new(&link.to).file_name()?.to_str()?.to_owned()))
        .collect();
    for entry in fs::read_dir(root().join("book/src/images")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.ends_with(".md") || shown.contains(&name), "{name}");
    }
}
