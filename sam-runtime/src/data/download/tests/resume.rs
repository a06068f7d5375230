//! Files that arrive in pieces.

use std::env;
use std::process::Command;
use std::thread;

use super::*;

const HALF: usize = 100_000;
const SIZE: usize = 250_001;

fn part(dir: &TempDir) -> std::path::PathBuf {
    dir.path().join(format!("{NAME}.part"))
}

#[test]
fn a_cut_connection_goes_on_where_it_ended() {
    let whole = bytes(SIZE);
    let served = whole.clone();
    let server = Server::new(move |number, request, client| match number {
        0 | 1 => client.beginning(request, &served, None, HALF),
        _ => client.file(request, &served),
    });
    let dir = tempdir().unwrap();
    let mut told = Vec::new();
    downloader()
        .fetch_with(
            &source(&[&server], &whole),
            &dir,
            |progress| match progress {
                Progress::Received { .. } => {}
                Progress::Started { from, .. } => told.push(format!("from {from}")),
                Progress::Retrying { error, wait, .. } => told.push(format!("{wait:?} {error}")),
                other => told.push(format!("{other:?}")),
            },
        )
        .unwrap();
    assert_only(&dir, &whole);
    assert_eq!(server.starts(), [0, HALF, 2 * HALF]);
    let url = format!("{}{NAME}", server.url());
    let cut = |wait, at| {
        format!(
            "{wait} {url}: the connection ended after {at} of {SIZE} bytes; \
             try again, it goes on from there"
        )
    };
    assert_eq!(
        told,
        [
            "from 0".into(),
            cut("1ms", HALF),
            format!("from {HALF}"),
            cut("2ms", 2 * HALF),
            format!("from {}", 2 * HALF),
            format!("Done {{ file: \"{NAME}\" }}"),
        ]
    );
}

#[test]
fn tries_are_bounded_and_what_arrived_is_kept_for_the_next_call() {
    let whole = bytes(SIZE);
    let served = whole.clone();
    let server = Server::new(move |_, request, client| {
        client.beginning(request, &served, None, HALF);
    });
    let dir = tempdir().unwrap();
    let source = source(&[&server], &whole);
    let error = downloader().tries(2).fetch(&source, &dir).unwrap_err();
    assert!(matches!(
        error,
        DownloadError::Truncated {
            received: 200_000,
            expected: 250_001,
            ..
        }
    ));
    assert_eq!(names(dir.path()), [format!("{NAME}.part")]);
    assert!(fs::read(part(&dir)).unwrap() == whole[..2 * HALF]);
    downloader().tries(0).fetch(&source, &dir).unwrap();
    assert_eq!(server.starts(), [0, HALF, 2 * HALF]);
    assert_only(&dir, &whole);
}

#[test]
fn a_stall_ends_the_try_and_not_the_download() {
    let whole = bytes(SIZE);
    let served = whole.clone();
    let server = Server::new(move |number, request, client| match number {
        0 => {
            client.beginning(request, &served, None, HALF);
            client.stall();
        }
        // Before the head.
        1 => client.stall(),
        _ => client.file(request, &served),
    });
    let dir = tempdir().unwrap();
    let mut errors = Vec::new();
    let stall = Duration::from_millis(300);
    downloader()
        .stall_timeout(stall)
        .tries(9)
        .fetch_with(&source(&[&server], &whole), &dir, |progress| {
            if let Progress::Retrying { error, .. } = progress {
                errors.push(error.to_string());
            }
        })
        .unwrap();
    assert_only(&dir, &whole);
    assert_eq!(server.starts()[..3], [0, HALF, HALF]);
    let url = format!("{}{NAME}", server.url());
    let stalled = format!(
        "{url}: nothing arrived for 300ms, after {HALF} of {SIZE} bytes; try again, it goes on from \
         there, or allow a longer stall"
    );
    assert_eq!(errors[..2], [stalled.clone(), stalled]);
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let whole = bytes(SIZE);
    let served = whole.clone();
    let server = Server::new(move |number, _, client| {
        client.head("200 OK", &[("Content-Length", SIZE.to_string())]);
        let end = if number == 0 { HALF } else { SIZE };
        client.send(&served[..end]);
    });
    let dir = tempdir().unwrap();
    downloader()
        .fetch(&source(&[&server], &whole), &dir)
        .unwrap();
    assert_eq!(server.starts(), [0, HALF]);
    assert_only(&dir, &whole);
}

#[test]
fn an_entity_tag_tells_a_changed_file_in_a_later_call() {
    let (old, whole) = (vec![7; SIZE], bytes(SIZE));
    let served = whole.clone();
    let server = Server::new(move |number, request, client| match number {
        0 => client.beginning(request, &old, Some("\"old\""), HALF),
        _ => client.tagged_file(request, &served, Some("\"new\"")),
    });
    let dir = tempdir().unwrap();
    let source = source(&[&server], &whole);
    downloader().tries(1).fetch(&source, &dir).unwrap_err();
    assert_eq!(
        names(dir.path()),
        [format!("{NAME}.part"), format!("{NAME}.part.etag")]
    );
    let mut from = Vec::new();
    downloader()
        .fetch_with(&source, &dir, |progress| {
            if let Progress::Started { from: first, .. } = progress {
                from.push(first);
            }
        })
        .unwrap();
    assert_eq!(server.starts(), [0, HALF]);
    assert_eq!(server.requests()[1].header("if-range"), Some("\"old\""));
    // The server sent all of it.
    assert_eq!(from, [0]);
    assert_only(&dir, &whole);
}

#[test]
fn an_entity_tag_is_only_shown_to_the_server_that_gave_it_and_a_weak_one_to_none() {
    for (tag, shown) in [("\"same\"", Some("\"same\"")), ("W/\"same\"", None)] {
        let whole = bytes(SIZE);
        let (first, second) = (whole.clone(), whole.clone());
        let cut = Server::new(move |_, request, client| {
            client.beginning(request, &first, Some(tag), HALF);
        });
        let other = Server::new(move |_, request, client| client.file(request, &second));
        let dir = tempdir().unwrap();
        let both = source(&[&cut, &other], &whole);
        downloader().tries(2).fetch(&both, &dir).unwrap();
        assert_eq!(cut.starts(), [0, HALF]);
        assert_eq!(cut.requests()[1].header("if-range"), shown);
        assert_eq!(other.starts(), [2 * HALF]);
        assert_eq!(other.requests()[0].header("if-range"), None);
        assert_only(&dir, &whole);
    }
}

/// The beginning is another file's, and each server fails in its way to give a rest that fits. All of it
/// is fetched in the same try.
#[test]
fn a_rest_that_does_not_fit_is_followed_by_the_whole() {
    type Answer = fn(&server::Request, &mut server::Client, &[u8]);
    let answers: [Answer; 7] = [
        // The rest is right, but the beginning is not: only the sum tells.
        |request, client, whole| client.file(request, whole),
        |_, client, _| client.status("416 Range Not Satisfiable"),
        |_, client, whole| part_with(client, whole, None),
        |_, client, whole| part_with(client, whole, Some("bytes 0-149999/250001")),
        |_, client, whole| part_with(client, whole, Some("bytes 100000-149999/250001")),
        |_, client, whole| part_with(client, whole, Some("pages 1-2/3")),
        |_, client, whole| part_with(client, whole, Some("bytes 100000-99999999999999999999/*")),
    ];
    fn part_with(client: &mut server::Client, whole: &[u8], range: Option<&str>) {
        let mut headers = vec![("Content-Length", (SIZE - HALF).to_string())];
        headers.extend(range.map(|range| ("Content-Range", range.to_owned())));
        client.head("206 Partial Content", &headers);
        client.send(&whole[HALF..]);
    }
    for answer in answers {
        let whole = bytes(SIZE);
        let served = whole.clone();
        let server = Server::new(move |number, request, client| match number {
            0 => answer(request, client, &served),
            _ => client.file(request, &served),
        });
        let dir = tempdir().unwrap();
        fs::write(part(&dir), vec![7; HALF]).unwrap();
        let one = downloader().tries(1);
        one.fetch(&source(&[&server], &whole), &dir).unwrap();
        assert_eq!(server.starts(), [HALF, 0]);
        assert_only(&dir, &whole);
    }
}

#[test]
fn a_part_from_another_tag_is_not_joined_even_if_the_server_sends_a_rest() {
    let whole = bytes(SIZE);
    let served = whole.clone();
    // Ignores If-Range, and shows the new tag.
    let server = Server::new(move |number, request, client| match number {
        0 => client.beginning(request, &served, Some("\"old\""), HALF),
        1 => {
            let range = format!("bytes {HALF}-{}/{SIZE}", SIZE - 1);
            client.head(
                "206 Partial Content",
                &[("ETag", "\"new\"".into()), ("Content-Range", range)],
            );
        }
        _ => client.tagged_file(request, &served, Some("\"new\"")),
    });
    let dir = tempdir().unwrap();
    downloader()
        .tries(2)
        .fetch(&source(&[&server], &whole), &dir)
        .unwrap();
    assert_eq!(server.starts(), [0, HALF, 0]);
    assert_only(&dir, &whole);
}

#[test]
fn a_part_that_is_whole_or_too_long_needs_no_server_or_all_of_it() {
    let whole = bytes(1000);
    let served = whole.clone();
    let server = Server::new(move |_, request, client| client.file(request, &served));
    let source = source(&[&server], &whole);
    let dir = tempdir().unwrap();
    fs::write(part(&dir), &whole).unwrap();
    downloader().fetch(&source, &dir).unwrap();
    assert_eq!(server.requests().len(), 0);
    assert_only(&dir, &whole);

    for wrong in [vec![7; 1000], vec![7; 1001]] {
        let dir = tempdir().unwrap();
        fs::write(part(&dir), wrong).unwrap();
        downloader().fetch(&source, &dir).unwrap();
        assert_only(&dir, &whole);
    }
    assert_eq!(server.starts(), [0, 0]);
}

/// The process that [`a_killed_process_goes_on_where_it_ended`] kills.
#[test]
#[ignore = "only as a process of its own"]
fn killed() {
    let (Ok(url), Ok(dir)) = (env::var("DOWNLOAD_URL"), env::var("DOWNLOAD_DIR")) else {
        return;
    };
    let whole = bytes(SIZE);
    let file = RemoteFile::new(NAME, SIZE as u64, sha256(&whole));
    downloader()
        .fetch(&Source::new("Digits", [url], [file]), dir)
        .unwrap();
}

#[test]
fn a_killed_process_goes_on_where_it_ended() {
    let whole = bytes(SIZE);
    let served = whole.clone();
    let server = Server::new(move |number, request, client| match number {
        0 => {
            client.beginning(request, &served, Some("\"tag\""), HALF);
            client.stall();
        }
        _ => client.tagged_file(request, &served, Some("\"tag\"")),
    });
    let dir = tempdir().unwrap();
    let mut process = Command::new(env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "data::download::tests::resume::killed",
        ])
        .env("DOWNLOAD_URL", server.url())
        .env("DOWNLOAD_DIR", dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while fs::metadata(part(&dir)).map_or(0, |file| file.len()) < HALF as u64 {
        assert!(process.try_wait().unwrap().is_none(), "it ended too early");
        thread::sleep(Duration::from_millis(5));
    }
    process.kill().unwrap();
    process.wait().unwrap();

    downloader()
        .fetch(&source(&[&server], &whole), &dir)
        .unwrap();
    assert_eq!(server.starts(), [0, HALF]);
    assert_eq!(server.requests()[1].header("if-range"), Some("\"tag\""));
    assert_only(&dir, &whole);
}
