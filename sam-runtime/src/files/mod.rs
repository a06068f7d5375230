//! Files that are there whole or not at all, and folders whose names are on the disk.
//!
//! What is written goes to a file beside its later place. That one is on the disk before it gets the name of the old
//! one, and so is the name afterwards: at each moment, the end of the machine included, the old file is there or the
//! new one. Where anything fails, the old one is untouched and nothing is left beside it.
//!
//! | file | what |
//! |---|---|
//! | `new` | a file that has not got its name yet |
//! | `failure` | what a user is told where a file can't be written or read |

mod failure;
mod new;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

pub(crate) use failure::failure;
pub(crate) use new::{New, is_left_of, sweep};

/// Puts `bytes` in place of the file `path`, which a user has chosen: a link is followed, and what is no plain file is
/// written into. So is `/dev/stdout`, a link to whatever the output goes to.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_output = path.starts_with("/dev") && path.is_symlink();
    match fs::metadata(path) {
        Ok(there) if there.is_file() && !is_output => replace(&fs::canonicalize(path)?, bytes),
        Ok(_) => fs::write(path, bytes),
        Err(_) => replace(path, bytes),
    }
}

/// Puts `bytes` in place of the file `path`.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = New::beside(path)?;
    new.file.write_all(bytes)?;
    new.persist()
}

/// Makes a folder, and those above it that are missing.
pub(crate) fn make_folder(dir: &Path) -> io::Result<()> {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let made: Vec<&Path> = dir.ancestors().take_while(missing).collect();
    fs::create_dir_all(dir)?;
    made.into_iter().try_for_each(|dir| sync(parent(dir)))
}

/// Gives `file`, at `from`, the name `to`: on the disk before it has the name, and the name then too.
pub(crate) fn rename(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(from, to)?;
    sync(parent(to))
}

/// The folder that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Has the names in a folder on the disk. One that may be written but not read can't be opened for it.
#[cfg(unix)]
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    match File::open(dir) {
        Ok(dir) => dir.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// Other systems have no such call for folders.
#[cfg(not(unix))]
pub(crate) fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
