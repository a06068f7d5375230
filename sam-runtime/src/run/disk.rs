//! Files that are there whole or not at all, and folders whose names are on the disk.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// Makes a folder, and those above it that are missing.
pub(super) fn make_folder(dir: &Path) -> io::Result<()> {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let made: Vec<&Path> = dir.ancestors().take_while(missing).collect();
    fs::create_dir_all(dir)?;
    made.into_iter().try_for_each(|dir| sync(parent(dir)))
}

/// Puts `bytes` in place of the file `path`: at each moment, the end of the machine included, the old one is
/// there or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = beside(path)?;
    new.write_all(bytes)?;
    persist(new, path)?;
    Ok(())
}

/// A file for what is to be `path`.
pub(super) fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).rand_bytes(RANDOM);
    // As any new file: whoever may read the folder's other files may read this one.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(parent(path))
}

/// Has a new file on the disk, under the name `path`.
pub(super) fn persist(new: NamedTempFile, path: &Path) -> io::Result<File> {
    new.as_file().sync_all()?;
    let file = new.persist(path).map_err(|failed| failed.error)?;
    sync(parent(path))?;
    Ok(file)
}

/// Removes what killed processes have left of the files that were to be `path`. For whoever alone writes it.
pub(super) fn sweep(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(parent(path)) {
        // A folder may well be written and not be listed.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| is_left_of(name, path))
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file of this name is what was left of one that was to be `path`.
pub(super) fn is_left_of(name: &str, path: &Path) -> bool {
    let random = name.strip_prefix(&prefix(path));
    random
        .is_some_and(|rest| rest.len() == RANDOM && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Letters and digits that make a name one of its own.
const RANDOM: usize = 6;

fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    format!(".{}.new-", name.to_string_lossy())
}

/// The folder that a file is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Has the names in a folder on the disk. One that may be written but not read can't be opened for it.
#[cfg(unix)]
fn sync(dir: &Path) -> io::Result<()> {
    match File::open(dir) {
        Ok(dir) => dir.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// Other systems have no such call for folders.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_half_written_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        let path = folder.join("log");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        // Killed before the new file had its name.
        std::mem::forget(beside(&path).unwrap());
        for mine in [".log.new-", ".log.new-backup-1", "log.new-abcdef"] {
            fs::write(folder.join(mine), "mine").unwrap();
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 5);
        sweep(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
    }
}
