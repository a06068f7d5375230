//! `{{#include PATH}}` and `{{#include PATH:ANCHOR}}`, as mdbook has them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The text of a page with what it includes. `seen` is told of every file that is included.
///
/// # Errors
/// A file that can't be read, an include that has no end, an anchor that isn't there.
pub fn expanded(page: &Path, mut seen: impl FnMut(PathBuf)) -> io::Result<String> {
    const START: &str = "{{#include ";
    let text = fs::read_to_string(page)?;
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(START) {
        let (what, after) = after
            .split_once("}}")
            .ok_or_else(|| failed(page, "an include has no `}}`"))?;
        let (path, content) = content(page, what.trim())?;
        seen(path);
        out += before;
        out += content.trim_end_matches('\n');
        rest = after;
    }
    out += rest;
    Ok(out)
}

/// The file that `what` names, as seen from the page, and its content or that of its anchor.
///
/// # Errors
/// A file that can't be read, an anchor that isn't there.
pub fn content(page: &Path, what: &str) -> io::Result<(PathBuf, String)> {
    let (path, anchor) = match what.split_once(':') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (what, None),
    };
    let path = page.parent().unwrap_or(Path::new("")).join(path);
    let content = fs::read_to_string(&path)
        .map_err(|error| failed(page, &format!("{}: {error}", path.display())))?;
    let content = match anchor {
        Some(anchor) => part(&content, anchor)
            .ok_or_else(|| failed(page, &format!("`{what}` has no such anchor")))?,
        None => content,
    };
    Ok((path, content))
}

/// The lines between `ANCHOR: name` and `ANCHOR_END: name`.
fn part(content: &str, name: &str) -> Option<String> {
    // Whatever stands around the mark is a comment of that file's language.
    let marks = |mark: &str| {
        let wanted = [mark, ":", name].map(str::to_owned);
        move |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words
                .windows(2)
                .any(|pair| pair[0] == wanted[..2].concat() && pair[1] == wanted[2])
        }
    };
    let from = content.lines().position(|line| marks("ANCHOR")(&line))?;
    let lines = content.lines().skip(from + 1);
    let len = lines.clone().position(|line| marks("ANCHOR_END")(&line))?;
    Some(lines.take(len).map(|line| format!("{line}\n")).collect())
}

/// What is wrong with a page.
pub fn failed(page: &Path, reason: &str) -> io::Error {
    io::Error::other(format!("{}: {reason}", page.display()))
}
