//! Finding the classes of an image folder and their files, in an order that no file system changes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::{FolderProblem, problem_of};
use crate::data::DataError;

/// What an image folder holds.
pub(super) struct Found {
    /// The names of the class folders, sorted.
    pub(super) classes: Vec<String>,
    /// Every image and the index of its class: class by class, sorted within.
    pub(super) files: Vec<(PathBuf, usize)>,
}

/// The endings of image files, in any case.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The classes and files below `root`.
///
/// # Errors
/// [`DataError::Folder`] for a wrong number of classes, a class without images, a loop of links;
/// [`DataError::Open`] for a folder that can't be read.
pub(super) fn scan(root: &Path, expected: usize) -> Result<Found, DataError> {
    if !root.is_dir() {
        return Err(problem_of(root, FolderProblem::NotAFolder));
    }
    let folders: Vec<OsString> = entries(root)?
        .into_iter()
        .filter(|name| root.join(name).is_dir())
        .collect();
    let classes: Vec<String> = folders
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if classes.is_empty() {
        return Err(problem_of(root, FolderProblem::NoClasses));
    }
    if classes.len() != expected {
        let found = classes;
        return Err(problem_of(root, FolderProblem::Classes { found, expected }));
    }
    let mut files = Vec::new();
    for (class, name) in folders.iter().enumerate() {
        let folder = root.join(name);
        let mut found = Vec::new();
        walk(&folder, OsString::new(), &mut Vec::new(), &mut found)?;
        if found.is_empty() {
            return Err(problem_of(&folder, FolderProblem::EmptyClass));
        }
        found.sort_unstable();
        files.extend(found.into_iter().map(|(_, _, path)| (path, class)));
    }
    Ok(Found { classes, files })
}

/// What a class's file is sorted by: the folder that it lies in, then its name; and its path.
///
/// The folder is written with `/` on every system, as the place of the separator among the letters
/// decides which of `a-b` and `a/b` is first.
type Key = (OsString, OsString, PathBuf);

/// Adds the images in `folder` and the folders below it. `around`: the folders that it lies in.
fn walk(
    folder: &Path,
    key: OsString,
    around: &mut Vec<PathBuf>,
    found: &mut Vec<Key>,
) -> Result<(), DataError> {
    let real = fs::canonicalize(folder).map_err(|reason| open(folder, reason))?;
    if around.contains(&real) {
        return Err(problem_of(folder, FolderProblem::Loop));
    }
    around.push(real);
    for name in entries(folder)? {
        let path = folder.join(&name);
        if path.is_dir() {
            let mut inner = key.clone();
            inner.push("/");
            inner.push(&name);
            walk(&path, inner, around, found)?;
        } else if is_image(&path) {
            found.push((key.clone(), name, path));
        }
    }
    around.pop();
    Ok(())
}

/// The names in a folder, sorted, without hidden ones.
fn entries(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let names: Result<Vec<OsString>, _> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    let mut names = names.map_err(|reason| open(folder, reason))?;
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort_unstable();
    Ok(names)
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| {
        ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    })
}

fn open(path: &Path, reason: std::io::Error) -> DataError {
    DataError::Open {
        path: path.into(),
        reason,
    }
}
