//! What can be downloaded: a data set's files, where they lie, and what proves them whole.

use std::path::{Component, Path};

use super::{Checksum, DownloadError, Downloader};

/// The files of a data set and the places that offer them.
///
/// Those of the well-known data sets are there by name, as [`Source::mnist`]. Others are put together:
///
/// ```no_run
/// use sam_runtime::data::download::{RemoteFile, Source};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sum = "2b5a9c1f63b1e0e3a9d37a1c1d7b1f3bb2b5a9c1f63b1e0e3a9d37a1c1d7b1f3".parse()?;
/// let mine = Source::new(
///     "My digits",
///     ["https://data.example.org/digits/", "https://mirror.example.org/digits/"],
///     [RemoteFile::new("digits.mat", 1_048_576, sum)],
/// );
/// mine.download("data/digits")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(super) name: String,
    pub(super) mirrors: Vec<String>,
    pub(super) files: Vec<RemoteFile>,
}

impl Source {
    /// A data set called `name`, whose `files` lie on each of the `mirrors`.
    ///
    /// A mirror is the URL of a folder, `http` or `https`; they are tried in this order.
    pub fn new(
        name: impl Into<String>,
        mirrors: impl IntoIterator<Item = impl Into<String>>,
        files: impl IntoIterator<Item = RemoteFile>,
    ) -> Self {
        Self {
            name: name.into(),
            mirrors: mirrors.into_iter().map(Into::into).collect(),
            files: files.into_iter().collect(),
        }
    }

    /// The same files from other places, for example from a server nearby. Their sums are checked all
    /// the same.
    pub fn mirrors(self, mirrors: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            mirrors: mirrors.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// The data set's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes to download where none of the files is there yet.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Downloads what is missing in the folder `dir`, as [`Downloader::fetch`] does by default.
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub fn download(&self, dir: impl AsRef<Path>) -> Result<(), DownloadError> {
        Downloader::new().fetch(self, dir)
    }

    /// Refuses what would not stay within the folder, or could not be found.
    pub(super) fn check(&self) -> Result<(), DownloadError> {
        let refuse = |problem: String| {
            Err(DownloadError::Source {
                name: self.name.clone(),
                problem,
            })
        };
        if self.mirrors.is_empty() {
            return refuse("it has no mirror; give the URL of a folder".into());
        }
        for file in &self.files {
            if !is_inside(Path::new(&file.name)) || file.name.contains(['/', '\\']) {
                return refuse(format!("`{}` is no plain file name", file.name));
            }
            for member in &file.members {
                if !is_inside(Path::new(&member.path)) {
                    return refuse(format!("`{}` leads out of the folder", member.path));
                }
            }
        }
        Ok(())
    }
}

/// Whether a path is one or more plain names: nothing that leads up or begins at a root.
pub(super) fn is_inside(path: &Path) -> bool {
    let plain = |part| matches!(part, Component::Normal(_));
    path.components().count() > 0 && path.components().all(plain)
}

/// One file of a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) checksum: Checksum,
    pub(super) members: Vec<Member>,
}

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its path, in the archive and in the folder that it is unpacked to.
    pub(super) path: String,
    pub(super) bytes: u64,
}

impl RemoteFile {
    /// A file of this name, with its size in bytes and its published sum.
    pub fn new(name: impl Into<String>, bytes: u64, checksum: Checksum) -> Self {
        Self {
            name: name.into(),
            bytes,
            checksum,
            members: Vec::new(),
        }
    }

    /// As a `.tar.gz` archive, from which these files are unpacked: their paths in the archive, and
    /// sizes in bytes.
    ///
    /// The archive itself is removed afterwards, and the sums of the files are written to `NAME.sha256`. That the
    /// files are there with these sizes and sums says that it was unpacked; without that record, the sizes alone.
    pub fn unpacked(self, files: impl IntoIterator<Item = (impl Into<String>, u64)>) -> Self {
        let member = |(path, bytes): (_, _)| Member {
            path: Into::into(path),
            bytes,
        };
        Self {
            members: files.into_iter().map(member).collect(),
            ..self
        }
    }
}
