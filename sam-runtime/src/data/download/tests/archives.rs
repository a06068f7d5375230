//! Archives: what is unpacked, and what is refused.

use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};

use super::*;
use crate::data::{Cifar10, Cifar100, Dataset};

/// A tar archive of plain files, gzipped. Paths are written as they are, checked by nobody.
fn archive(files: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, bytes) in files {
        let mut header = Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        if *kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

const FILE: EntryType = EntryType::Regular;

/// What comes of an archive with `set/a` (3 bytes) and `set/b` (2 bytes) wanted: the folder, and the
/// error with the archive's path as `PATH`.
fn fetched(packed: &[u8]) -> (TempDir, Result<(), String>) {
    let served = packed.to_vec();
    let server = Server::new(move |_, request, client| client.file(request, &served));
    let file = RemoteFile::new("set.tar.gz", packed.len() as u64, sha256(packed))
        .unpacked([("set/a", 3), ("set/b", 2)]);
    let source = Source::new("Set", [server.url()], [file]);
    let dir = tempdir().unwrap();
    let inner = dir.path().join("inner");
    let fetched = downloader().fetch(&source, &inner).map_err(|error| {
        let path = inner.join("set.tar.gz").display().to_string();
        error.to_string().replace(&path, "PATH")
    });
    if fetched.is_ok() {
        // What is unpacked is not asked for again.
        downloader().fetch(&source, &inner).unwrap();
        assert_eq!(server.requests().len(), 1);
    }
    (dir, fetched)
}

#[test]
fn the_wanted_files_are_unpacked_and_the_archive_is_removed() {
    let packed = archive(&[
        ("./", EntryType::Directory, b""),
        ("set/", EntryType::Directory, b""),
        ("set/readme.html", FILE, b"not wanted"),
        ("./set/a", FILE, b"aaa"),
        ("set/b", FILE, b"bb"),
        ("set/link", EntryType::Symlink, b""),
    ]);
    let (dir, fetched) = fetched(&packed);
    fetched.unwrap();
    let inner = dir.path().join("inner");
    assert_eq!(names(&inner), ["set", "set.tar.gz.sha256"]);
    assert_eq!(names(&inner.join("set")), ["a", "b"]);
    assert_eq!(fs::read(inner.join("set/a")).unwrap(), b"aaa");
    assert_eq!(fs::read(inner.join("set/b")).unwrap(), b"bb");
}

#[test]
fn what_is_no_honest_archive_of_the_set_leaves_nothing_but_itself() {
    let (a, b) = (("set/a", FILE, &b"aaa"[..]), ("set/b", FILE, &b"bb"[..]));
    let whole = archive(&[a, b]);
    let mut damaged = whole.clone();
    let sum = damaged.len() - 8;
    damaged[sum] ^= 1;
    let unsafe_path = |path: &str| {
        format!(
            "PATH: `{path}` in it leads out of the folder; don't trust it: nothing was unpacked"
        )
    };
    let not_plain =
        "PATH: `set/b` in it is not one plain file; don't trust it: nothing was unpacked";
    let cases = [
        (
            archive(&[a, b, ("../evil", FILE, b"!")]),
            unsafe_path("../evil"),
        ),
        (
            archive(&[a, b, ("set/../../evil", FILE, b"!")]),
            unsafe_path("set/../../evil"),
        ),
        (
            archive(&[a, b, ("/tmp/evil", FILE, b"!")]),
            unsafe_path("/tmp/evil"),
        ),
        (
            archive(&[a, ("set/b", EntryType::Symlink, b"")]),
            not_plain.into(),
        ),
        (
            archive(&[a, ("set/b", EntryType::Directory, b"")]),
            not_plain.into(),
        ),
        (archive(&[a, b, b]), not_plain.into()),
        (
            archive(&[a]),
            "PATH: `set/b` is not in it; is it another archive?".into(),
        ),
        (
            archive(&[a, ("set/b", FILE, b"bbb")]),
            "PATH: `set/b` in it has 3 bytes instead of 2; is it another archive?".into(),
        ),
        (
            whole[..whole.len() - 1].to_vec(),
            "PATH: it is no whole .tar.gz archive (".into(),
        ),
        (
            whole[..whole.len() / 2].to_vec(),
            "PATH: it is no whole .tar.gz archive (".into(),
        ),
        (damaged, "PATH: it is no whole .tar.gz archive (".into()),
        (
            b"<html>".to_vec(),
            "PATH: it is no whole .tar.gz archive (".into(),
        ),
    ];
    for (packed, problem) in cases {
        let (dir, fetched) = fetched(&packed);
        let text = fetched.unwrap_err();
        assert!(text.starts_with(&problem), "{text}\n{problem}");
        assert_eq!(names(dir.path()), ["inner"]);
        let inner = dir.path().join("inner");
        let left: Vec<String> = names(&inner)
            .into_iter()
            .filter(|name| name != "set")
            .collect();
        assert_eq!(left, ["set.tar.gz"], "{problem}");
        if inner.join("set").exists() {
            assert_eq!(names(&inner.join("set")), [""; 0], "{problem}");
        }
    }
}

#[test]
fn an_archive_that_waits_to_be_unpacked_is_not_asked_for() {
    let packed = archive(&[("set/a", FILE, b"aaa")]);
    let file = RemoteFile::new("set.tar.gz", packed.len() as u64, sha256(&packed))
        .unpacked([("set/a", 3)]);
    let server = Server::new(|_, _, client| client.status("404 Not Found"));
    let source = Source::new("Set", [server.url()], [file]);
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("set.tar.gz"), &packed).unwrap();
    downloader().fetch(&source, &dir).unwrap();
    assert_eq!(server.requests().len(), 0);
    assert_eq!(names(dir.path()), ["set", "set.tar.gz.sha256"]);
    assert_eq!(fs::read(dir.path().join("set/a")).unwrap(), b"aaa");
}

#[test]
fn a_member_that_changed_since_is_unpacked_again() {
    let packed = archive(&[("set/a", FILE, b"aaa"), ("set/b", FILE, b"bb")]);
    let file = RemoteFile::new("set.tar.gz", packed.len() as u64, sha256(&packed))
        .unpacked([("set/a", 3), ("set/b", 2)]);
    let served = packed.clone();
    let server = Server::new(move |_, request, client| client.file(request, &served));
    let source = Source::new("Set", [server.url()], [file]);
    let dir = tempdir().unwrap();
    let (b, record) = (
        dir.path().join("set/b"),
        dir.path().join("set.tar.gz.sha256"),
    );
    downloader().fetch(&source, &dir).unwrap();
    let lines = format!(
        "{}  set/a\n{}  set/b\n",
        sha256(b"aaa").to_string().replace("sha256:", ""),
        sha256(b"bb").to_string().replace("sha256:", "")
    );
    assert_eq!(fs::read_to_string(&record).unwrap(), lines);
    // Of the same size, so nothing but the sum tells.
    fs::write(&b, "b?").unwrap();
    downloader().fetch(&source, &dir).unwrap();
    assert_eq!(fs::read(&b).unwrap(), b"bb");
    assert_eq!(server.requests().len(), 2);
    fs::write(&record, lines.replace("  set/b", "0  set/b")).unwrap();
    downloader().fetch(&source, &dir).unwrap();
    assert_eq!(server.requests().len(), 3);
    assert_eq!(fs::read_to_string(&record).unwrap(), lines);
    // What was unpacked by hand has no record.
    fs::remove_file(&record).unwrap();
    downloader().fetch(&source, &dir).unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[cfg(unix)]
#[test]
fn links_that_lie_in_a_shared_folder_are_not_written_through() {
    use std::os::unix::fs::symlink;
    let packed = archive(&[("set/a", FILE, b"aaa")]);
    let served = packed.clone();
    let server = Server::new(move |_, request, client| client.file(request, &served));
    let file = RemoteFile::new("set.tar.gz", packed.len() as u64, sha256(&packed))
        .unpacked([("set/a", 3)]);
    let source = Source::new("Set", [server.url()], [file]);
    let names = [
        ".download.lock",
        "set.tar.gz.part",
        "set.tar.gz.part.etag",
        "set/a.part",
        "set.tar.gz.sha256",
        "set.tar.gz.sha256.part",
    ];
    for name in names {
        let dir = tempdir().unwrap();
        let mine = dir.path().join("mine");
        fs::write(&mine, "mine").unwrap();
        let inner = dir.path().join("inner");
        fs::create_dir_all(inner.join("set")).unwrap();
        symlink(&mine, inner.join(name)).unwrap();
        let fetched = downloader().fetch(&source, &inner);
        assert_eq!(fs::read(&mine).unwrap(), b"mine", "{name}");
        match fetched {
            Ok(()) => assert_eq!(fs::read(inner.join("set/a")).unwrap(), b"aaa", "{name}"),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains(name) && text.contains("a link, which is not followed"),
                    "{text}"
                );
            }
        }
    }
}

/// Files of the right sizes under the names of the catalogue are what the readers read.
#[test]
fn the_readers_find_what_the_catalogue_unpacks() {
    for source in [Source::cifar10(), Source::cifar100()] {
        let [file] = &source.files[..] else { panic!() };
        let dir = tempdir().unwrap();
        for member in &file.members {
            let path = dir.path().join(&member.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs::File::create(path).unwrap();
            file.set_len(member.bytes).unwrap();
        }
        // There, so not asked for: the mirror is no address at all.
        source.clone().mirrors(["nowhere"]).download(&dir).unwrap();
        let counts = if source.name() == "CIFAR-10" {
            [
                Cifar10::train(&dir).unwrap().len(),
                Cifar10::test(&dir).unwrap().len(),
            ]
        } else {
            [
                Cifar100::train(&dir).unwrap().len(),
                Cifar100::test(&dir).unwrap().len(),
            ]
        };
        assert_eq!(counts, [50_000, 10_000]);
    }
}
