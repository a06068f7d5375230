//! What a page includes, in the page itself, so that it reads whole wherever Markdown is shown.
//!
//! A page has it between two comments that name the file, and `{{#include FILE}}`, alone on its line, becomes that:
//!
//! ~~~text
//! <!-- from ../../tutorial/plain.rs -->
//! ```rust,no_run
//! fn main() {}
//! ```
//! <!-- end -->
//! ~~~
//!
//! A block of code may have hidden lines, which begin with `# `, before what is included and after it.

use std::{fs, io, path::Path};

use crate::include::{content, failed};

const FROM: &str = "<!-- from ";
const FROM_END: &str = " -->";
const END: &str = "<!-- end -->";
const INCLUDE: &str = "{{#include ";
const FENCE: &str = "```";

/// The text of a page as it must be: with what it includes as that is now.
///
/// # Errors
/// A file that can't be read, a comment without its end, an anchor that isn't there, an `{{#include ..}}` that is neither
/// alone nor alone in its block.
pub fn resolved(page: &Path) -> io::Result<String> {
    let text = fs::read_to_string(page)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let rest = &lines[at..];
        let (written, len) = if let Some(what) = between(line, FROM, FROM_END) {
            let len = rest
                .iter()
                .position(|line| *line == END)
                .ok_or_else(|| failed(page, &format!("`{what}` has no `{END}`")))?;
            (included(page, what, block(&rest[1..len]))?, len + 1)
        } else if let Some(what) = between(line, INCLUDE, "}}") {
            (included(page, what, None)?, 1)
        } else if line.starts_with(FENCE) {
            let len = rest[1..].iter().position(|line| *line == FENCE);
            let len = len.ok_or_else(|| failed(page, "a block of code has no end"))? + 2;
            let whole = &rest[..len];
            let what = whole.iter().find_map(|line| between(line, INCLUDE, "}}"));
            match what {
                Some(what) => (included(page, what, block(whole))?, len),
                None => (format!("{}\n", whole.join("\n")), len),
            }
        } else {
            (format!("{line}\n"), 1)
        };
        out += &written;
        at += len;
    }
    Ok(out)
}

/// What stands between two ends of a line.
fn between<'a>(line: &'a str, start: &str, end: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix(end)
}

/// What a block of code has around the content that it includes: its fence, and hidden lines.
struct Block<'a> {
    fence: &'a str,
    before: &'a [&'a str],
    after: &'a [&'a str],
}

/// The block of code that these lines are; `None` if they are text.
fn block<'a>(lines: &'a [&'a str]) -> Option<Block<'a>> {
    let (fence, inner) = match lines {
        [fence, inner @ .., last] if fence.starts_with(FENCE) && *last == FENCE => (fence, inner),
        _ => return None,
    };
    let is_hidden = |line: &&&str| **line == "#" || line.starts_with("# ");
    // Of other languages it is a comment.
    let is_rust = fence.starts_with("```rust");
    let count = |hidden: usize| if is_rust { hidden } else { 0 };
    let before = count(inner.iter().take_while(is_hidden).count());
    let after = count(inner[before..].iter().rev().take_while(is_hidden).count());
    Some(Block {
        fence,
        before: &inner[..before],
        after: &inner[inner.len() - after..],
    })
}

/// The content of `what` between its comments.
fn included(page: &Path, what: &str, block: Option<Block>) -> io::Result<String> {
    let (_, content) = content(page, what)?;
    let content = content.trim_end_matches('\n');
    let inner = match block {
        None => format!("\n{}\n\n", content.trim_start_matches('\n')),
        Some(block) => {
            let lines = [
                &[block.fence],
                block.before,
                &[content],
                block.after,
                &[FENCE],
            ]
            .concat();
            lines.join("\n") + "\n"
        }
    };
    Ok(format!("{FROM}{what}{FROM_END}\n{inner}{END}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("there is room");
        fs::write(dir.path().join("a.rs"), "#[x]\nfn a() {}\n").expect("it can be written");
        let table = "before\n<!-- ANCHOR: t -->\n| a |\n|---|\n<!-- ANCHOR_END: t -->\n";
        fs::write(dir.path().join("b.md"), table).expect("it can be written");
        let path = dir.path().join("page.md");
        fs::write(&path, text).expect("it can be written");
        (dir, path)
    }

    const RESOLVED: &str = "# Title\n\n<!-- from a.rs -->\n```rust,no_run\n# use x;\n#[x]\nfn a() {}\n# fn main() {}\n```\n\
                            <!-- end -->\n\n<!-- from b.md:t -->\n\n| a |\n|---|\n\n<!-- end -->\n\n```toml\n# a = 1\n```\n";

    #[test]
    fn includes_become_what_they_include_and_stay_that() {
        let includes = "# Title\n\n```rust,no_run\n# use x;\n{{#include a.rs}}\n# fn main() {}\n```\n\n{{#include b.md:t}}\n\n\
                        ```toml\n# a = 1\n```\n";
        // What has changed since is what it is now.
        let earlier = RESOLVED.replace("fn a() {}", "fn earlier() {}\nfn b() {}");
        for text in [includes, RESOLVED, &earlier] {
            let (_dir, path) = page(text);
            assert_eq!(resolved(&path).expect("it can be resolved"), RESOLVED);
        }
    }

    #[test]
    fn what_can_not_be_resolved_says_why() {
        for (text, why) in [
            ("<!-- from a.rs -->\n", "has no `<!-- end -->`"),
            ("{{#include b.md:u}}\n", "has no such anchor"),
            ("{{#include c.md}}\n", "c.md: "),
            ("```rust\nfn main() {}\n", "a block of code has no end"),
        ] {
            let (_dir, path) = page(text);
            let error = resolved(&path).expect_err("it can't be").to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
