//! What was unpacked from an archive: a file beside it with the sum of each member, so that one that was damaged
//! later is noticed. It is written as `sha256sum` writes it, and can be checked by `sha256sum -c`.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use super::checksum::{self, Checksum};
use super::disk::{beside, text, write};
use super::source::Member;

/// Where the record of the archive at `path` is.
pub(super) fn place(path: &Path) -> PathBuf {
    beside(path, ".sha256")
}

/// Writes the record of an archive: its members' paths, and their sums, which are SHA-256.
pub(super) fn save(archive: &Path, sums: &[(String, Checksum)]) -> io::Result<()> {
    let mut lines = String::new();
    for (path, sum) in sums {
        let sum = sum.to_string();
        let digits = sum.trim_start_matches("sha256:");
        writeln!(lines, "{digits}  {path}").expect("a `String` takes all");
    }
    write(&place(archive), &lines)
}

/// Whether all members are there as they were unpacked. Of those that no record tells of, unpacked by hand or by an
/// earlier version, the size is all that is known.
pub(super) fn holds(archive: &Path, members: &[Member], dir: &Path) -> io::Result<bool> {
    let record = text(&place(archive)).unwrap_or_default();
    let lines = record.lines().filter_map(|line| line.split_once("  "));
    let sums: HashMap<&str, &str> = lines.map(|(digits, path)| (path, digits)).collect();
    for member in members {
        let path = dir.join(&member.path);
        let there = match sums.get(&*member.path).map(|digits| digits.parse()) {
            Some(Ok(sum)) => checksum::is_whole(&path, member.bytes, &sum)?,
            // Of a damaged record nothing is known.
            Some(Err(_)) => false,
            None => checksum::has_size(&path, member.bytes),
        };
        if !there {
            return Ok(false);
        }
    }
    Ok(true)
}
