//! The files of an image folder: as little memory for each as its name takes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Files in folders, each of a class, in an order.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    folders: Vec<Folder>,
    names: Vec<Box<OsStr>>,
}

#[derive(Clone, Debug)]
struct Folder {
    path: PathBuf,
    class: usize,
    /// Its files end before this place among the names; they begin where those of the folder before it end.
    end: usize,
}

impl Files {
    /// Adds the files of a folder to the end.
    pub(super) fn add(&mut self, path: PathBuf, class: usize, names: Vec<Box<OsStr>>) {
        self.names.extend(names);
        let end = self.names.len();
        self.folders.push(Folder { path, class, end });
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The path of the file at `index`, which there must be.
    pub(super) fn path(&self, index: usize) -> PathBuf {
        self.folder(index).path.join(Path::new(&self.names[index]))
    }

    /// Its class.
    pub(super) fn class(&self, index: usize) -> usize {
        self.folder(index).class
    }

    fn folder(&self, index: usize) -> &Folder {
        &self.folders[self.folders.partition_point(|folder| folder.end <= index)]
    }
}
