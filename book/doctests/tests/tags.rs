//! Blocks of code have one of a few tags; none is left untested.

use std::fs;

use guide::page::{Page, pages, root};

/// What is tested, and how: Rust by rustdoc, the others by the tests beside this one. `text` is what a
/// program prints, `diff` what changes in one that stands whole beside it.
const TAGS: [&str; 9] = [
    "rust",
    "rust,no_run",
    "rust,compile_fail",
    "rust,should_panic",
    "toml",
    "console",
    "python",
    "text",
    "diff",
];

#[test]
fn every_block_has_a_tag_that_is_tested() {
    let mut wrong = Vec::new();
    for page in pages() {
        for block in &page.blocks {
            // `compile_fail` may name the compiler's error.
            let tag = match block.tag.split_once(",E") {
                Some((tag, code)) if code.parse::<u16>().is_ok() => tag,
                _ => &block.tag,
            };
            if !TAGS.contains(&tag) {
                wrong.push(format!("{}:{}: `{}`", page.name(), block.line, block.tag));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_pages_are_found() {
    let pages = pages();
    assert!(pages.iter().any(|page| page.name() == "README.md"));
    assert!(
        pages
            .iter()
            .any(|page| page.name() == "book/src/SUMMARY.md")
    );
    let blocks: usize = pages.iter().map(|page| page.blocks.len()).sum();
    assert!(blocks > 50, "{blocks} blocks");
}

/// The lines of a `diff` are those of the tutorial's programs. (The error index is made of programs; its own
/// test, `error_index` of `sam-tests`, says that it is.)
#[test]
fn every_diff_is_of_a_program() {
    let programs: Vec<String> = fs::read_dir(root().join("book/tutorial"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let index = root().join("book/src/errors");
    let others = |page: &Page| !page.path.starts_with(&index);
    for page in pages().into_iter().filter(others) {
        for block in page.blocks.iter().filter(|block| block.tag == "diff") {
            for line in block.text.lines().filter(|line| !line.is_empty()) {
                let there = |program: &String| program.lines().any(|l| l == &line[1..]);
                assert!(
                    programs.iter().any(there),
                    "{}:{}: {line}",
                    page.name(),
                    block.line
                );
            }
        }
    }
}
