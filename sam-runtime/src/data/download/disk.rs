//! Files of this module's own, and folders, so that nobody else's are touched and no crash undoes them.
//!
//! A folder may be shared with others, who could lay a link to any file of the user's under a name that is written to
//! here. So links are not followed where this module has made up the name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::files;

/// Opens the file at `path`, for reading and writing, as it is; makes an empty one where there is none.
///
/// # Errors
/// The system's, and for what is a link, or no file.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    opened(path, options.write(true).create(true).truncate(false))
}

/// The text of a small file; `None` if there is none, or none that can be read.
pub(super) fn text(path: &Path) -> Option<String> {
    let file = opened(path, &mut OpenOptions::new()).ok()?;
    io::read_to_string(file).ok()
}

/// Makes the file anew, in place of what is there.
pub(super) fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Writes a small file that a crash leaves whole or leaves out.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let part = beside(path, ".part");
    let mut file = create(&part)?;
    file.write_all(text.as_bytes())?;
    files::rename(&file, &part, path)
}

fn opened(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let refuse = |what: &str| Err(io::Error::other(format!("it is {what}; remove it")));
    // Without this, opening a pipe would wait for its other end.
    if let Ok(found) = fs::symlink_metadata(path)
        && !found.is_file()
    {
        let link = found.is_symlink();
        return refuse(if link {
            "a link, which is not followed"
        } else {
            "no file"
        });
    }
    // What has come in between: the system refuses a link.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.read(true).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => refuse("no file"),
    }
}

/// `path` with `ending` added to its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed_and_no_pipe_waited_for() {
        use std::os::unix::fs::symlink;
        use std::process::Command;
        let dir = tempdir().unwrap();
        let [mine, link, pipe] = ["mine", "link", "pipe"].map(|name| dir.path().join(name));
        fs::write(&mine, "mine").unwrap();
        symlink(&mine, &link).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let problem = |path| open(path).unwrap_err().to_string();
        assert_eq!(
            problem(&link),
            "it is a link, which is not followed; remove it"
        );
        assert_eq!(problem(&pipe), "it is no file; remove it");
        assert_eq!((text(&link), text(&pipe)), (None, None));
        for path in [&link, &pipe] {
            write(path, "other").unwrap();
            assert_eq!(text(path).unwrap(), "other");
        }
        assert_eq!(fs::read(&mine).unwrap(), b"mine");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_is_there_is_kept_when_it_is_opened() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("part");
        fs::write(&path, "begun").unwrap();
        assert_eq!(open(&path).unwrap().metadata().unwrap().len(), 5);
        assert!(files::make_folder(&path.join("d")).is_err());
    }
}
