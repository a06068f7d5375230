//! A file on its way: `NAME.part` beside its later place, and `NAME.part.etag` beside that.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::checksum::Summing;
use super::disk::{self, beside, remove};
use super::{Checksum, DownloadError, RemoteFile};
use crate::files;

/// What has arrived of a file so far. Whoever holds one holds the folder's lock.
pub(super) struct Part {
    path: PathBuf,
    whole: PathBuf,
    file: File,
    bytes: u64,
    len: u64,
    checksum: Checksum,
    summing: Summing,
    origin: Option<Origin>,
}

/// Where the bytes came from: an entity tag only means something for its own URL.
struct Origin {
    url: String,
    etag: String,
}

impl Part {
    /// Opens what an earlier try has left of `file` in the folder `dir`, or an empty one.
    pub(super) fn open(dir: &Path, file: &RemoteFile) -> Result<Self, DownloadError> {
        let whole = dir.join(&file.name);
        let path = beside(&whole, ".part");
        let open = || -> io::Result<Self> {
            let opened = disk::open(&path)?;
            let mut part = Self {
                len: opened.metadata()?.len(),
                file: opened,
                bytes: file.bytes,
                checksum: file.checksum,
                summing: Summing::like(&file.checksum),
                origin: read_origin(&beside(&path, ".etag")),
                path: path.clone(),
                whole,
            };
            if part.len > part.bytes {
                part.empty()?;
            } else if part.len > 0 {
                part.summing.add_all(&part.file)?;
            }
            Ok(part)
        };
        open().map_err(|reason| DownloadError::file(&path, file.bytes, reason))
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_complete(&self) -> bool {
        self.len == self.bytes
    }

    /// The entity tag that the bytes came with, if they came from `url`.
    pub(super) fn etag(&self, url: &str) -> Option<&str> {
        let origin = self.origin.as_ref().filter(|origin| origin.url == url);
        origin.map(|origin| &*origin.etag)
    }

    /// Throws away what is there.
    pub(super) fn clear(&mut self) -> Result<(), DownloadError> {
        self.empty().map_err(|reason| self.error(reason))
    }

    fn empty(&mut self) -> io::Result<()> {
        self.origin = None;
        remove(&beside(&self.path, ".etag"))?;
        if self.len > 0 {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.len = 0;
        }
        self.summing = Summing::like(&self.checksum);
        Ok(())
    }

    /// Remembers where the bytes that follow come from.
    pub(super) fn comes_from(
        &mut self,
        url: &str,
        etag: Option<String>,
    ) -> Result<(), DownloadError> {
        self.origin = etag.map(|etag| Origin {
            url: url.into(),
            etag,
        });
        let path = beside(&self.path, ".etag");
        let written = match &self.origin {
            Some(Origin { url, etag }) => disk::write(&path, &format!("{url}\n{etag}\n")),
            None => remove(&path),
        };
        written.map_err(|reason| DownloadError::file(&path, 0, reason))
    }

    /// Adds bytes at the end. They are in the file at once, so a killed process loses none.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        let written = self.file.write_all(bytes);
        written.map_err(|reason| self.error(reason))?;
        self.summing.add(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The sum of what is there, where it is not the published one.
    pub(super) fn wrong_sum(&self) -> Option<Checksum> {
        let found = self.summing.sum();
        (found != self.checksum).then_some(found)
    }

    /// Puts the whole file into its place.
    pub(super) fn finish(self) -> Result<(), DownloadError> {
        let finish = || -> io::Result<()> {
            files::rename(&self.file, &self.path, &self.whole)?;
            remove(&beside(&self.path, ".etag"))
        };
        finish().map_err(|reason| self.error(reason))
    }

    /// Removes what is there; nothing of it is of use.
    pub(super) fn discard(mut self) -> Result<(), DownloadError> {
        self.clear()?;
        remove(&self.path).map_err(|reason| self.error(reason))
    }

    fn error(&self, reason: io::Error) -> DownloadError {
        DownloadError::file(&self.path, self.bytes, reason)
    }
}

/// A note that can't be read is no note: the sum is checked all the same.
fn read_origin(path: &Path) -> Option<Origin> {
    let text = disk::text(path)?;
    let (url, etag) = text.strip_suffix('\n')?.split_once('\n')?;
    Some(Origin {
        url: url.into(),
        etag: etag.into(),
    })
}
