use tempfile::tempdir;

use super::*;

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_half_written_is_swept_and_nothing_else() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("a/b");
    make_folder(&folder).unwrap();
    make_folder(&folder).unwrap();
    let path = folder.join("log");
    replace(&path, b"one").unwrap();
    replace(&path, b"two").unwrap();
    // Killed before the new file had its name.
    std::mem::forget(New::beside(&path).unwrap());
    for mine in [".log.new-", ".log.new-backup-1", "log.new-abcdef"] {
        fs::write(folder.join(mine), "mine").unwrap();
    }
    assert_eq!(names(&folder).len(), 5);
    sweep(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(names(&folder).len(), 4);
}

#[test]
fn what_can_not_be_written_leaves_the_old_file_and_nothing_else() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("log");
    replace(&path, b"one").unwrap();
    let mut new = New::beside(&path).unwrap();
    new.file.write_all(b"tw").unwrap();
    assert_eq!(names(dir.path()).len(), 2);
    // As where the disk is full.
    drop(new);
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(names(dir.path()), ["log"]);
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    for write in [save, replace] {
        assert!(write(&folder, b"two").is_err());
        assert!(write(&dir.path().join("missing/log"), b"two").is_err());
    }
    assert_eq!(names(dir.path()), ["folder", "log"]);
}

#[cfg(unix)]
#[test]
fn a_file_keeps_its_permissions_and_a_users_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempdir().unwrap();
    let [path, link] = ["log", "link"].map(|name| dir.path().join(name));
    fs::write(&path, "one").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    symlink(&path, &link).unwrap();
    save(&link, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(link.is_symlink());
    // What this crate has named is not.
    replace(&link, b"three").unwrap();
    assert!(!link.is_symlink());
    assert_eq!(fs::read(&path).unwrap(), b"two");
    // No plain file.
    save(Path::new("/dev/null"), b"four").unwrap();
    assert!(!Path::new("/dev/null").is_file());
}
