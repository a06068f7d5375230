//! Downloads from a server on the loopback interface that does all that servers do.

mod archives;
mod catalog;
mod errors;
mod resume;
mod server;
mod shared;
mod whole;

use std::fs;
use std::path::Path;
use std::time::Duration;

use md5::Digest;
use sha2::Sha256;
use tempfile::{TempDir, tempdir};

use super::*;
use server::Server;

/// The name of the one file of most tests.
const NAME: &str = "digits.bin";

/// Bytes that differ everywhere, so that a shift or a gap changes the sum.
fn bytes(len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

fn sha256(bytes: &[u8]) -> Checksum {
    Checksum::Sha256(Sha256::digest(bytes).into())
}

/// A source of one file with these bytes.
fn source(servers: &[&Server], bytes: &[u8]) -> Source {
    let file = RemoteFile::new(NAME, bytes.len() as u64, sha256(bytes));
    Source::new("Digits", servers.iter().map(|server| server.url()), [file])
}

/// No pauses between tries, and no stall in any test that is not about one.
fn downloader() -> Downloader {
    Downloader::new()
        .direct()
        .backoff(Duration::from_millis(1))
        .stall_timeout(Duration::from_secs(60))
}

/// The names in a folder, sorted, without the lock.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".download.lock")
        .collect();
    names.sort();
    names
}

/// Asserts that the folder has the file with these bytes, and nothing else.
fn assert_only(dir: &TempDir, bytes: &[u8]) {
    assert_eq!(names(dir.path()), [NAME]);
    assert!(fs::read(dir.path().join(NAME)).unwrap() == bytes);
}
