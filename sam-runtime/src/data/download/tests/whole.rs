//! Files that arrive in one piece, and those that need not.

use super::*;

#[test]
fn a_file_arrives_and_is_not_asked_for_again() {
    let whole = bytes(200_000);
    let served = whole.clone();
    let server = Server::new(move |_, request, client| client.file(request, &served));
    let dir = tempdir().unwrap();
    let inner = dir.path().join("made/as/needed");
    let source = source(&[&server], &whole);

    let mut told = Vec::new();
    let mut received = Vec::new();
    downloader()
        .fetch_with(&source, &inner, |progress| match progress {
            Progress::Received { file, bytes, total } => {
                assert_eq!((file, total), (NAME, 200_000));
                received.push(bytes);
            }
            other => told.push(format!("{other:?}")),
        })
        .unwrap();
    assert!(fs::read(inner.join(NAME)).unwrap() == whole);
    assert_eq!(names(&inner), [NAME]);
    assert!(received.is_sorted_by(|a, b| a < b));
    assert_eq!(received.last(), Some(&200_000));
    let url = format!("{}{NAME}", server.url());
    assert_eq!(
        told,
        [
            format!("Started {{ file: \"{NAME}\", url: \"{url}\", from: 0, total: 200000 }}"),
            format!("Done {{ file: \"{NAME}\" }}"),
        ]
    );
    let requests = server.requests();
    assert_eq!(requests[0].path, format!("/files/{NAME}"));
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert_eq!(requests[0].header("range"), None);

    // Neither asked for nor written: the lock's file doesn't come back.
    fs::remove_file(inner.join(".download.lock")).unwrap();
    downloader().fetch(&source, &inner).unwrap();
    assert_eq!(server.requests().len(), 1);
    assert!(!inner.join(".download.lock").exists());
}

#[test]
fn several_files_lie_side_by_side_and_only_missing_ones_are_asked_for() {
    let files = [("a", bytes(10)), ("b", bytes(0)), ("c", bytes(70_000))];
    let served = files.clone();
    let server = Server::new(move |_, request, client| {
        let (_, bytes) = served
            .iter()
            .find(|(name, _)| request.path.ends_with(name))
            .unwrap();
        client.file(request, bytes);
    });
    let remote = files.iter().map(|(name, bytes)| {
        RemoteFile::new(
            *name,
            bytes.len() as u64,
            Checksum::Md5(md5::Md5::digest(bytes).into()),
        )
    });
    let source = Source::new("Three", [server.url()], remote);
    assert_eq!(source.bytes(), 70_010);
    let dir = tempdir().unwrap();
    downloader().fetch(&source, &dir).unwrap();
    assert_eq!(names(dir.path()), ["a", "b", "c"]);
    for (name, bytes) in &files {
        assert!(fs::read(dir.path().join(name)).unwrap() == *bytes);
    }
    // No request for the file of no bytes.
    assert_eq!(server.requests().len(), 2);
    fs::remove_file(dir.path().join("a")).unwrap();
    downloader().fetch(&source, &dir).unwrap();
    assert_eq!(server.requests().len(), 3);
    assert!(fs::read(dir.path().join("a")).unwrap() == files[0].1);
}

#[test]
fn a_damaged_file_is_replaced_once_the_right_one_has_arrived() {
    let whole = bytes(1000);
    let served = whole.clone();
    let server = Server::new(move |number, request, client| match number {
        0 => client.status("404 Not Found"),
        _ => client.file(request, &served),
    });
    let dir = tempdir().unwrap();
    let mut damaged = whole.clone();
    damaged[500] ^= 1;
    fs::write(dir.path().join(NAME), &damaged).unwrap();
    let source = source(&[&server], &whole);
    downloader().fetch(&source, &dir).unwrap_err();
    assert_only(&dir, &damaged);
    downloader().fetch(&source, &dir).unwrap();
    assert_only(&dir, &whole);
}

#[test]
fn a_redirect_is_followed_with_the_range() {
    let whole = bytes(1000);
    let served = whole.clone();
    let target = Server::new(move |_, request, client| client.file(request, &served));
    let to = format!("{}elsewhere", target.url());
    let server = Server::new(move |_, _, client| {
        client.head(
            "302 Found",
            &[("Location", to.clone()), ("Content-Length", "0".into())],
        );
    });
    let dir = tempdir().unwrap();
    fs::write(dir.path().join(format!("{NAME}.part")), &whole[..400]).unwrap();
    downloader()
        .fetch(&source(&[&server], &whole), &dir)
        .unwrap();
    assert_only(&dir, &whole);
    assert_eq!(server.starts(), [400]);
    assert_eq!(target.starts(), [400]);
    assert_eq!(target.requests()[0].path, "/files/elsewhere");
}

#[test]
fn a_gz_file_is_kept_as_it_is_whatever_the_server_calls_it() {
    let whole = bytes(5000);
    let served = whole.clone();
    let server = Server::new(move |_, _, client| {
        let length = ("Content-Length", served.len().to_string());
        client.head("200 OK", &[("Content-Encoding", "gzip".into()), length]);
        client.send(&served);
    });
    let dir = tempdir().unwrap();
    downloader()
        .fetch(&source(&[&server], &whole), &dir)
        .unwrap();
    assert_only(&dir, &whole);
}

#[test]
fn a_server_may_leave_the_length_out() {
    let whole = bytes(5000);
    let served = whole.clone();
    // First as chunks, then up to the connection's end.
    let server = Server::new(move |number, _, client| {
        if number == 0 {
            client.head("200 OK", &[("Transfer-Encoding", "chunked".into())]);
            for chunk in served.chunks(999) {
                client.send(format!("{:x}\r\n", chunk.len()).as_bytes());
                client.send(chunk);
                client.send(b"\r\n");
            }
            client.send(b"0\r\n\r\n");
        } else {
            client.head("200 OK", &[]);
            client.send(&served);
        }
    });
    for _ in 0..2 {
        let dir = tempdir().unwrap();
        downloader()
            .fetch(&source(&[&server], &whole), &dir)
            .unwrap();
        assert_only(&dir, &whole);
    }
}
