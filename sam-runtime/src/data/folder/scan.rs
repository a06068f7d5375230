//! Finding the classes of an image folder and their files, in an order that no file system changes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::names::Files;
use super::{FolderProblem, Skipped, problem_of};
use crate::data::{DataError, files::open};

/// What an image folder holds.
pub(super) struct Found {
    /// The names of the class folders, by label.
    pub(super) classes: Vec<String>,
    /// Every image: class by class, sorted within.
    pub(super) files: Files,
    /// What was passed over.
    pub(super) skipped: Skipped,
}

/// The endings of image files, in any case.
const ENDINGS: &[&str] = &[
    "jpg",
    "jpeg",
    "png",
    #[cfg(feature = "webp")]
    "webp",
    #[cfg(feature = "bmp")]
    "bmp",
    #[cfg(feature = "gif")]
    "gif",
];

/// The images below `root`, of `expected` classes: the sorted names of its folders.
///
/// # Errors
/// [`DataError::Folder`] for a wrong number of classes, a class without images, a loop of links, an image
/// that is no file; [`DataError::Open`] for a folder that can't be read.
pub(super) fn scan(root: &Path, expected: usize) -> Result<Found, DataError> {
    let classes = class_folders(root)?;
    if classes.len() != expected {
        let found = classes.iter().map(|name| text(name)).collect();
        return Err(problem_of(root, FolderProblem::Classes { found, expected }));
    }
    images(root, classes, Vec::new())
}

/// As [`scan`], of the classes with these names, in this order. Other folders are passed over.
///
/// # Errors
/// As [`scan`], and for a name that is given twice, or that no folder has.
pub(super) fn scan_classes(root: &Path, names: &[&str]) -> Result<Found, DataError> {
    let mut rest = class_folders(root)?;
    let mut classes = Vec::with_capacity(names.len());
    for (at, &name) in names.iter().enumerate() {
        let problem = match rest.iter().position(|folder| folder == name) {
            Some(place) => {
                classes.push(rest.remove(place));
                continue;
            }
            None if names[..at].contains(&name) => FolderProblem::ClassTwice { name: name.into() },
            None => FolderProblem::NoSuchClass {
                name: name.into(),
                found: rest.iter().map(|name| text(name)).collect(),
            },
        };
        return Err(problem_of(root, problem));
    }
    images(root, classes, rest)
}

/// The sorted names of the folders in `root`.
fn class_folders(root: &Path) -> Result<Vec<OsString>, DataError> {
    if !root.is_dir() {
        return Err(problem_of(root, FolderProblem::NotAFolder));
    }
    let mut folders = Vec::new();
    for entry in entries(root)? {
        if entry.kind == Kind::Folder {
            folders.push(entry.name);
        }
    }
    if folders.is_empty() {
        return Err(problem_of(root, FolderProblem::NoClasses));
    }
    Ok(folders)
}

/// The images of these classes; `others`: folders that were passed over.
fn images(root: &Path, classes: Vec<OsString>, others: Vec<OsString>) -> Result<Found, DataError> {
    let mut files = Files::default();
    let mut skipped = Skipped {
        files: BTreeMap::new(),
        folders: others.iter().map(|name| text(name)).collect(),
    };
    for (class, name) in classes.iter().enumerate() {
        let folder = root.join(name);
        let found = Class::of(folder.clone())?;
        if found.folders.is_empty() {
            let skipped = found.skipped;
            return Err(problem_of(&folder, FolderProblem::EmptyClass { skipped }));
        }
        for folder in found.folders {
            files.add(folder.path, class, folder.images);
        }
        for (ending, count) in found.skipped {
            *skipped.files.entry(ending).or_default() += count;
        }
    }
    Ok(Found {
        classes: classes.iter().map(|name| text(name)).collect(),
        files,
        skipped,
    })
}

/// What a class's folder and those below it hold.
#[derive(Default)]
struct Class {
    /// Those with images, sorted.
    folders: Vec<Folder>,
    /// Files of other endings.
    skipped: BTreeMap<String, usize>,
}

/// A folder with images, sorted by name.
struct Folder {
    /// What it is sorted by: the way down from the class's folder. Written with `/` on every system, as the place of
    /// the separator among the letters decides which of `a-b` and `a/b` is first.
    key: OsString,
    path: PathBuf,
    images: Vec<Box<OsStr>>,
}

/// A folder on the way down, and what of it is still to be seen.
struct Level {
    folder: Folder,
    /// Where it really lies.
    real: PathBuf,
    rest: std::vec::IntoIter<Entry>,
}

impl Level {
    fn new(path: PathBuf, real: PathBuf, key: OsString) -> Result<Self, DataError> {
        let rest = entries(&path)?.into_iter();
        let images = Vec::new();
        Ok(Self {
            folder: Folder { key, path, images },
            real,
            rest,
        })
    }
}

impl Class {
    /// What lies in `folder`. However deep that is, the thread's stack doesn't grow.
    fn of(folder: PathBuf) -> Result<Self, DataError> {
        let mut class = Self::default();
        let real = fs::canonicalize(&folder).map_err(|reason| open(&folder, reason))?;
        let mut levels = vec![Level::new(folder, real, OsString::new())?];
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.rest.next() else {
                class.folders.extend(levels.pop().map(|level| level.folder));
                continue;
            };
            let path = level.folder.path.join(&entry.name);
            if entry.kind == Kind::Folder {
                let mut key = level.folder.key.clone();
                key.push("/");
                key.push(&entry.name);
                let real = match entry.link {
                    false => level.real.join(&entry.name),
                    true => followed(&path, &levels)?,
                };
                levels.push(Level::new(path, real, key)?);
            } else if !is_image(&path) {
                *class.skipped.entry(ending(&path)).or_default() += 1;
            } else if entry.kind == Kind::Other {
                return Err(problem_of(&path, FolderProblem::NotAFile));
            } else {
                level.folder.images.push(entry.name.into());
            }
        }
        class.folders.retain(|folder| !folder.images.is_empty());
        class.folders.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(class)
    }
}

/// Where the link at `path` leads: to none of the folders around it. Only a link can lead back, so only it is asked,
/// as the system goes through the whole path for the answer.
fn followed(path: &Path, around: &[Level]) -> Result<PathBuf, DataError> {
    let real = fs::canonicalize(path).map_err(|reason| open(path, reason))?;
    match around.iter().any(|level| level.real == real) {
        true => Err(problem_of(path, FolderProblem::Loop)),
        false => Ok(real),
    }
}

/// What a folder holds under one name.
struct Entry {
    name: OsString,
    kind: Kind,
    /// Whether it is a link to it.
    link: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    /// A pipe, a socket, a device.
    Other,
}

impl Entry {
    fn new(entry: &DirEntry) -> io::Result<Self> {
        let mut found = entry.file_type()?;
        let link = found.is_symlink();
        if link {
            match fs::metadata(entry.path()) {
                Ok(metadata) => found = metadata.file_type(),
                // It leads nowhere: found when it is to be read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let kind = if found.is_dir() {
            Kind::Folder
        } else if found.is_file() || found.is_symlink() {
            Kind::File
        } else {
            Kind::Other
        };
        let name = entry.file_name();
        Ok(Self { name, kind, link })
    }
}

/// What a folder holds, sorted by name, without what is hidden.
fn entries(folder: &Path) -> Result<Vec<Entry>, DataError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|reason| open(folder, reason))? {
        let entry = entry.map_err(|reason| open(folder, reason))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            found.push(Entry::new(&entry).map_err(|reason| open(&entry.path(), reason))?);
        }
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The ending of a file's name in small letters; none, where it has none.
fn ending(path: &Path) -> String {
    let ending = path.extension().map(text);
    ending.unwrap_or_default().to_lowercase()
}

fn is_image(path: &Path) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// A name, with what is not Unicode replaced.
fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}
