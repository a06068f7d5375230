//! A file that has not got its name yet.

use std::{
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
};

use super::{parent, rename};

/// A file for what is to be a certain path, beside it. It is removed where it does not get that name.
#[derive(Debug)]
pub(crate) struct New {
    pub(crate) file: File,
    at: PathBuf,
    to: PathBuf,
    is_named: bool,
}

impl New {
    /// An empty one, with the permissions of the file that is there, or else those of any new file.
    pub(crate) fn beside(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        loop {
            let name = format!("{}{}", prefix(path), random());
            let at = parent(path).join(name);
            let file = match options.open(&at) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let new = Self {
                file,
                at,
                to: path.into(),
                is_named: false,
            };
            if let Ok(there) = fs::symlink_metadata(path)
                && there.is_file()
            {
                new.file.set_permissions(there.permissions())?;
            }
            return Ok(new);
        }
    }

    /// Has it on the disk, under its name.
    pub(crate) fn persist(mut self) -> io::Result<()> {
        rename(&self.file, &self.at, &self.to)?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if !self.is_named {
            // What can't be removed is swept later.
            let _ = fs::remove_file(&self.at);
        }
    }
}

/// Removes what killed processes have left of the files that were to be `path`. For whoever alone writes it.
pub(crate) fn sweep(path: &Path) -> io::Result<()> {
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
pub(crate) fn is_left_of(name: &str, path: &Path) -> bool {
    let random = name.strip_prefix(&prefix(path));
    random
        .is_some_and(|rest| rest.len() == RANDOM && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Letters and digits that make a name one of its own.
const RANDOM: usize = 6;

/// Others each time: the keys of a hasher are random.
fn random() -> String {
    let hash = RandomState::new().hash_one(());
    format!("{:0RANDOM$x}", hash % (1 << (4 * RANDOM)))
}

fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    format!(".{}.new-", name.to_string_lossy())
}
