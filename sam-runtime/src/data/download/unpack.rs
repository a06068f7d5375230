//! Files out of a `.tar.gz` archive: those that are wanted, and no other.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use tar::Archive;

use super::checksum::Summing;
use super::disk::{self, beside, remove};
use super::source::{Member, is_inside};
use super::{ArchiveProblem, Checksum, DownloadError, record};
use crate::files;

/// Unpacks `members` of the archive at `path` into the folder `dir`.
///
/// They get their names when the archive was read to its end, and their sums are on record, so that a folder with
/// all of them is whole. Names are compared, not followed: nothing is written anywhere but at the wanted paths.
pub(super) fn unpack(path: &Path, members: &[Member], dir: &Path) -> Result<(), DownloadError> {
    let problem = |problem| DownloadError::Archive {
        path: path.into(),
        problem,
    };
    let read = |error| problem(ArchiveProblem::Read(error));

    let file = File::open(path).map_err(|reason| DownloadError::file(path, 0, reason))?;
    let mut archive = Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    let mut unpacked = Unpacked::default();
    for entry in archive.entries().map_err(read)? {
        let mut entry = entry.map_err(read)?;
        let found = entry.path().map_err(read)?.into_owned();
        // `./a/b` is `a/b`.
        let found: PathBuf = found
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect();
        if found.as_os_str().is_empty() {
            continue;
        }
        if !is_inside(&found) {
            let member = found.display().to_string();
            return Err(problem(ArchiveProblem::Unsafe { member }));
        }
        let Some(member) = members
            .iter()
            .find(|member| Path::new(&member.path) == found)
        else {
            continue;
        };
        let to = dir.join(&member.path);
        if !entry.header().entry_type().is_file() || unpacked.has(&to) {
            let member = member.path.clone();
            return Err(problem(ArchiveProblem::NotPlain { member }));
        }
        if entry.size() != member.bytes {
            return Err(problem(ArchiveProblem::Size {
                member: member.path.clone(),
                found: entry.size(),
                expected: member.bytes,
            }));
        }
        unpacked
            .add(&mut entry, to, member)
            .map_err(|error| match error {
                Either::Read(error) => read(error),
                Either::Write(error) => error,
            })?;
    }
    // The decoder checks its sum at the end of the stream, which may lie behind the archive's end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(read)?;

    for member in members {
        if !unpacked.has(&dir.join(&member.path)) {
            let member = member.path.clone();
            return Err(problem(ArchiveProblem::Missing { member }));
        }
    }
    record::save(path, &unpacked.sums)
        .map_err(|reason| DownloadError::file(&record::place(path), 0, reason))?;
    unpacked.finish()
}

/// Which side of a copy failed.
enum Either {
    Read(io::Error),
    Write(DownloadError),
}

/// Files with all their bytes, but not yet with their names. Those left at the end are removed.
#[derive(Default)]
struct Unpacked {
    places: Vec<PathBuf>,
    /// Of each member, its path in the archive.
    sums: Vec<(String, Checksum)>,
}

impl Unpacked {
    fn has(&self, place: &Path) -> bool {
        self.places.iter().any(|there| there == place)
    }

    fn add(&mut self, from: &mut impl Read, place: PathBuf, member: &Member) -> Result<(), Either> {
        let path = beside(&place, ".part");
        let failed = |reason| Either::Write(DownloadError::file(&path, member.bytes, reason));
        if let Some(folder) = place.parent() {
            files::make_folder(folder).map_err(failed)?;
        }
        self.places.push(place);
        let mut file = disk::create(&path).map_err(failed)?;
        let mut summing = Summing::sha256();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    file.write_all(&buffer[..n]).map_err(failed)?;
                    summing.add(&buffer[..n]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Either::Read(error)),
            }
        }
        self.sums.push((member.path.clone(), summing.sum()));
        // Before the record, which says that they are there.
        file.sync_all().map_err(failed)
    }

    fn finish(mut self) -> Result<(), DownloadError> {
        while let Some(place) = self.places.pop() {
            let path = beside(&place, ".part");
            let renamed =
                fs::rename(&path, &place).and_then(|()| files::sync(files::parent(&place)));
            renamed.map_err(|reason| {
                // Back to those that are to be removed.
                self.places.push(place.clone());
                DownloadError::file(&place, 0, reason)
            })?;
        }
        Ok(())
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        for place in &self.places {
            // One that can't be removed is overwritten next time.
            let _ = remove(&beside(place, ".part"));
        }
    }
}
