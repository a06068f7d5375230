//! Several downloads into one folder.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

#[test]
fn one_works_and_the_others_find_the_file_there() {
    let whole = bytes(300_000);
    let served = whole.clone();
    // The first answer waits in its middle until another download waits.
    let waiting = std::sync::Arc::new(AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&waiting);
    let server = Server::new(move |_, request, client| {
        while seen.load(Ordering::SeqCst) < 3 {
            thread::sleep(Duration::from_millis(1));
        }
        client.file(request, &served);
    });
    let dir = tempdir().unwrap();
    let source = source(&[&server], &whole);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let told = |progress: Progress<'_>| {
                    if matches!(progress, Progress::Waiting) {
                        waiting.fetch_add(1, Ordering::SeqCst);
                    }
                };
                downloader().fetch_with(&source, &dir, told).unwrap();
            });
        }
    });
    assert_eq!(server.requests().len(), 1);
    assert_only(&dir, &whole);
}

#[test]
fn the_next_in_line_goes_on_where_the_first_failed() {
    let whole = bytes(300_000);
    let served = whole.clone();
    let server = Server::new(move |number, request, client| match number {
        0 => client.beginning(request, &served, None, 100_000),
        _ => client.file(request, &served),
    });
    let dir = tempdir().unwrap();
    let source = source(&[&server], &whole);
    let failed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                if downloader().tries(1).fetch(&source, &dir).is_err() {
                    failed.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 1);
    assert_eq!(server.starts(), [0, 100_000]);
    assert_only(&dir, &whole);
}
