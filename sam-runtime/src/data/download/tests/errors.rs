//! Mirrors that fail, and disks.

use std::net::TcpListener;

use super::*;

/// A server that gives every request the same answer.
fn always(answer: impl Fn(&mut server::Client) + Send + Sync + 'static) -> Server {
    Server::new(move |_, _, client| answer(client))
}

/// The error of downloading `bytes` from `server` alone, with the server's URL as `URL`, and the number
/// of requests.
fn error(server: &Server, bytes: &[u8]) -> (String, usize) {
    let dir = tempdir().unwrap();
    let error = downloader()
        .fetch(&source(&[server], bytes), &dir)
        .unwrap_err();
    let text = error
        .to_string()
        .replace(&format!("{}{NAME}", server.url()), "URL");
    assert_eq!(names(dir.path()), [""; 0], "{text}");
    (text, server.requests().len())
}

#[test]
fn a_status_is_said_and_only_a_passing_one_is_asked_again() {
    for (status, tries, advice) in [
        ("404 Not Found", 1, "choose another mirror"),
        ("403 Forbidden", 1, "choose another mirror"),
        ("429 Too Many Requests", 3, "choose another mirror"),
        (
            "500 Internal Server Error",
            3,
            "try again later, or choose another mirror",
        ),
        (
            "503 Service Unavailable",
            3,
            "try again later, or choose another mirror",
        ),
    ] {
        let server = always(move |client| client.status(status));
        let code = &status[..3];
        assert_eq!(
            error(&server, &bytes(10)),
            (
                format!("URL: the server answered with status {code}; {advice}"),
                tries
            )
        );
    }
}

#[test]
fn a_server_that_recovers_is_asked_until_it_does() {
    let whole = bytes(1000);
    let served = whole.clone();
    let server = Server::new(move |number, request, client| match number {
        0 => client.status("500 Internal Server Error"),
        // Neither head nor bytes.
        1 => {}
        _ => client.file(request, &served),
    });
    let dir = tempdir().unwrap();
    downloader()
        .fetch(&source(&[&server], &whole), &dir)
        .unwrap();
    assert_eq!(server.starts(), [0, 0, 0]);
    assert_only(&dir, &whole);
}

#[test]
fn a_file_of_another_size_is_refused_before_or_while_it_comes() {
    let page = b"<html>Not here any more</html>";
    let said = always(|client| {
        client.head("200 OK", &[("Content-Length", page.len().to_string())]);
        client.send(page);
    });
    let wanted = "but 10 bytes are expected; it is another file, or a web page in its place, so choose \
                  another mirror";
    assert_eq!(
        error(&said, &bytes(10)),
        (format!("URL: the server's file has 30 bytes, {wanted}"), 1)
    );
    let unsaid = always(|client| {
        client.head("200 OK", &[]);
        client.send(page);
    });
    assert_eq!(
        error(&unsaid, &bytes(10)),
        (
            format!("URL: the server's file has more bytes, {wanted}"),
            1
        )
    );
}

#[test]
fn a_size_in_the_range_that_is_another_is_refused_and_the_part_kept() {
    let server = always(|client| {
        client.head(
            "206 Partial Content",
            &[("Content-Range", "bytes 4-11/12".into())],
        );
    });
    let dir = tempdir().unwrap();
    let part = dir.path().join(format!("{NAME}.part"));
    fs::write(&part, &bytes(10)[..4]).unwrap();
    let error = downloader()
        .fetch(&source(&[&server], &bytes(10)), &dir)
        .unwrap_err();
    assert!(matches!(
        error,
        DownloadError::Size {
            found: Some(12),
            expected: 10,
            ..
        }
    ));
    assert_eq!(fs::read(&part).unwrap(), bytes(10)[..4]);
}

#[test]
fn wrong_bytes_are_said_with_both_sums_and_thrown_away() {
    let whole = bytes(1000);
    let mut wrong = whole.clone();
    wrong[999] ^= 128;
    let served = wrong.clone();
    let server = Server::new(move |_, request, client| client.file(request, &served));
    assert_eq!(
        error(&server, &whole),
        (
            format!(
                "URL: what arrived has the checksum {}, but {} is published; it was damaged on the way \
                 or changed on the server, so it was thrown away: try again, or choose another mirror",
                sha256(&wrong),
                sha256(&whole)
            ),
            1
        )
    );
}

#[test]
fn an_answer_that_is_none_is_no_panic() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..],
        b"\0\xff\r\n\r\n",
        b"HTTP/1.1 999999 ?\r\n\r\n",
    ] {
        let server = always(|client| client.send(answer));
        let (text, _) = error(&server, &bytes(10));
        assert!(text.starts_with("URL: "), "{text}");
    }
    // Redirects in a circle.
    let server = Server::new(|_, request, client| {
        client.head("302 Found", &[("Location", request.path.clone())]);
    });
    let (text, _) = error(&server, &bytes(10));
    assert_eq!(
        text,
        "URL: the answer makes no sense (too many redirects); choose another mirror"
    );
}

#[test]
fn no_connection_is_said() {
    // A port that was free just now, and nobody listens to.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let file = RemoteFile::new(NAME, 10, sha256(&bytes(10)));
    let closed = Source::new("Digits", [format!("http://127.0.0.1:{port}")], [file]);
    let dir = tempdir().unwrap();
    let error = downloader().fetch(&closed, &dir).unwrap_err();
    assert!(matches!(error, DownloadError::Connect { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("http://127.0.0.1:{port}/{NAME}: no connection (")),
        "{text}"
    );
    assert!(text.contains("check the network"), "{text}");
    assert_eq!(names(dir.path()), [""; 0]);

    // A server that speaks no TLS, asked for it.
    let server = Server::new(|_, _, client| client.status("200 OK"));
    let url = server.url().replace("http:", "https:");
    let error = downloader()
        .tries(1)
        .fetch(&closed.mirrors([url]), &dir)
        .unwrap_err();
    assert!(
        matches!(
            error,
            DownloadError::Connect { .. } | DownloadError::Truncated { .. }
        ),
        "{error}"
    );
}

#[test]
fn mirrors_are_asked_in_their_order_until_one_has_it() {
    let whole = bytes(1000);
    let (mut wrong, served) = (whole.clone(), whole.clone());
    wrong[0] ^= 1;
    let gone = always(|client| client.status("404 Not Found"));
    let damaged = Server::new(move |_, request, client| client.file(request, &wrong));
    let good = Server::new(move |_, request, client| client.file(request, &served));
    let unasked = always(|client| client.status("500 Internal Server Error"));
    let dir = tempdir().unwrap();
    let mut left = Vec::new();
    downloader()
        .fetch_with(
            &source(&[&gone, &damaged, &good, &unasked], &whole),
            &dir,
            |progress| {
                if let Progress::NextMirror { file, error } = progress {
                    left.push(format!("{file} {error}"));
                }
            },
        )
        .unwrap();
    assert_only(&dir, &whole);
    let asked = [&gone, &damaged, &good, &unasked].map(|server| server.requests().len());
    assert_eq!(asked, [1, 1, 1, 0]);
    assert_eq!(left.len(), 2);
    assert!(left[0].contains(&gone.url()) && left[1].contains(&damaged.url()));

    // Each reason is said where none has it.
    let error = downloader()
        .fetch(&source(&[&gone, &unasked], &whole), tempdir().unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{NAME}: no mirror of Digits has it to give:\n  \
             {}{NAME}: the server answered with status 404; choose another mirror\n  \
             {}{NAME}: the server answered with status 500; try again later, or choose another mirror",
            gone.url(),
            unasked.url()
        )
    );
}

#[test]
fn a_source_that_leads_out_of_the_folder_is_refused() {
    let dir = tempdir().unwrap();
    let sum = sha256(b"");
    let cases = [
        (
            RemoteFile::new("../a", 1, sum),
            "`../a` is no plain file name",
        ),
        (
            RemoteFile::new("a/b", 1, sum),
            "`a/b` is no plain file name",
        ),
        (RemoteFile::new("", 1, sum), "`` is no plain file name"),
        (RemoteFile::new("..", 1, sum), "`..` is no plain file name"),
        (
            RemoteFile::new("a", 1, sum).unpacked([("x/../../b", 1)]),
            "`x/../../b` leads out of the folder",
        ),
        (
            RemoteFile::new("a", 1, sum).unpacked([("/b", 1)]),
            "`/b` leads out of the folder",
        ),
    ];
    for (file, problem) in cases {
        let error = downloader()
            .fetch(&Source::new("Bad", ["http://127.0.0.1:1"], [file]), &dir)
            .unwrap_err();
        assert_eq!(error.to_string(), format!("Bad: {problem}"));
    }
    let none = Source::new("Bad", [""; 0], [RemoteFile::new("a", 1, sum)]);
    assert_eq!(
        none.download(&dir).unwrap_err().to_string(),
        "Bad: it has no mirror; give the URL of a folder"
    );
    let nowhere = Source::new("Bad", ["not a url"], [RemoteFile::new("a", 1, sum)]);
    let error = nowhere.download(&dir).unwrap_err();
    assert!(matches!(error, DownloadError::Protocol { .. }), "{error}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a file");
    fs::write(&path, b"").unwrap();
    let server = always(|client| client.status("404 Not Found"));
    let error = downloader()
        .fetch(&source(&[&server], b"a"), &path)
        .unwrap_err();
    assert!(matches!(&error, DownloadError::File { .. }), "{error}");
    assert!(
        error.to_string().starts_with(&path.display().to_string()),
        "{error}"
    );
    assert_eq!(server.requests().len(), 0);
}

/// Linux has a device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_no_other_mirror_is_asked() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let reason = std::io::Write::write(&mut full.unwrap(), b"a").unwrap_err();
    let error = DownloadError::file(Path::new("digits.bin.part"), 1000, reason);
    assert_eq!(
        error.to_string(),
        "digits.bin.part: the disk is full; make room for 1000 bytes and try again"
    );
    assert!(!error.is_mirrors() && !error.may_pass());
}
