//! One file from the first mirror that gives it whole.

use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::http::{Http, Wanted};
use super::part::Part;
use super::{DownloadError, Downloader, Progress, RemoteFile, Source};

/// The longest time between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Downloads of one source into one folder.
pub(super) struct Transfer<'a> {
    http: Http,
    settings: &'a Downloader,
    source: &'a Source,
    dir: &'a Path,
    tell: &'a mut dyn FnMut(Progress<'_>),
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        settings: &'a Downloader,
        source: &'a Source,
        dir: &'a Path,
        tell: &'a mut dyn FnMut(Progress<'_>),
    ) -> Self {
        Self {
            http: Http::new(settings),
            settings,
            source,
            dir,
            tell,
        }
    }

    /// Tells how far it is.
    pub(super) fn tell(&mut self, progress: Progress<'_>) {
        (self.tell)(progress);
    }

    /// Brings `file` into the folder, from each mirror in turn until one has it.
    pub(super) fn fetch(&mut self, file: &RemoteFile) -> Result<(), DownloadError> {
        let mut errors = Vec::new();
        for (index, mirror) in self.source.mirrors.iter().enumerate() {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
            let error = match self.fetch_from(&url, file) {
                Err(error) if error.is_mirrors() => error,
                ended => return ended,
            };
            if index + 1 < self.source.mirrors.len() {
                self.tell(Progress::NextMirror {
                    file: &file.name,
                    error: &error,
                });
            }
            errors.push(error);
        }
        Err(if errors.len() == 1 {
            errors.remove(0)
        } else {
            DownloadError::Mirrors {
                name: self.source.name.clone(),
                file: file.name.clone(),
                errors,
            }
        })
    }

    /// Tries one mirror as often as is allowed, with growing pauses.
    fn fetch_from(&mut self, url: &str, file: &RemoteFile) -> Result<(), DownloadError> {
        let mut wait = self.settings.backoff;
        let mut left = self.settings.tries;
        loop {
            left -= 1;
            match self.fetch_once(url, file) {
                Err(error) if error.may_pass() && left > 0 => {
                    let wait_now = wait.min(LONGEST_WAIT);
                    self.tell(Progress::Retrying {
                        file: &file.name,
                        error: &error,
                        wait: wait_now,
                    });
                    thread::sleep(wait_now);
                    wait = wait_now * 2;
                }
                ended => return ended,
            }
        }
    }

    /// One try: the rest of the file where some of it is there, and all of it where that does not fit.
    fn fetch_once(&mut self, url: &str, file: &RemoteFile) -> Result<(), DownloadError> {
        let mut part = Part::open(self.dir, file)?;
        let from = part.len();
        let mut received = self.receive(&mut part, url, file, from);
        if from > 0 && received.as_ref().is_err_and(DownloadError::is_misfit) {
            received = self.receive(&mut part, url, file, 0);
        }
        match received {
            Ok(()) => part.finish(),
            Err(error) => {
                // Of a wrong file nothing is of use, and an empty one says nothing.
                if matches!(error, DownloadError::Checksum { .. }) || part.len() == 0 {
                    part.discard()?;
                }
                Err(error)
            }
        }
    }

    /// Asks for the bytes after the first `from`, unless that is all of them, and checks the whole.
    fn receive(
        &mut self,
        part: &mut Part,
        url: &str,
        file: &RemoteFile,
        from: u64,
    ) -> Result<(), DownloadError> {
        if from < file.bytes {
            self.receive_rest(part, url, file, from)?;
        }
        match part.wrong_sum() {
            None => Ok(()),
            Some(found) => Err(DownloadError::Checksum {
                url: url.into(),
                expected: file.checksum,
                found,
            }),
        }
    }

    fn receive_rest(
        &mut self,
        part: &mut Part,
        url: &str,
        file: &RemoteFile,
        from: u64,
    ) -> Result<(), DownloadError> {
        let wanted = Wanted {
            url,
            bytes: file.bytes,
            from,
            etag: part.etag(url),
        };
        let answer = self.http.get(wanted)?;
        let from = answer.from;
        if from == 0 {
            // All of it comes: as asked for, or since the server knows no ranges or the file has changed.
            part.clear()?;
        }
        part.comes_from(url, answer.etag.clone())?;
        self.tell(Progress::Started {
            file: &file.name,
            url,
            from,
            total: file.bytes,
        });

        // One byte more than expected, to see whether it goes on.
        let mut body = answer.reader().take(file.bytes - from + 1);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(self.http.error(url, (part.len(), file.bytes), error.into()));
                }
            };
            if read == 0 {
                break;
            }
            if part.len() + read as u64 > file.bytes {
                part.clear()?;
                return Err(DownloadError::Size {
                    url: url.into(),
                    found: None,
                    expected: file.bytes,
                });
            }
            part.append(&buffer[..read])?;
            self.tell(Progress::Received {
                file: &file.name,
                bytes: part.len(),
                total: file.bytes,
            });
        }
        // A server that didn't say how much it sends may end at any place.
        if part.is_complete() {
            Ok(())
        } else {
            Err(DownloadError::Truncated {
                url: url.into(),
                received: part.len(),
                expected: file.bytes,
            })
        }
    }
}
