//! One HTTP request for a file, or for its rest.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body, Timeout};

use super::{DownloadError, Downloader};

/// What a server is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    /// Bytes of the whole file.
    pub(super) bytes: u64,
    /// Bytes that are there already.
    pub(super) from: u64,
    /// The entity tag that they came with.
    pub(super) etag: Option<&'a str>,
}

/// The bytes that a server sends.
pub(super) struct Answer {
    /// Where they begin in the file: where the request said, or 0.
    pub(super) from: u64,
    /// The file's entity tag, where it is a strong one: the same tag means the same bytes.
    pub(super) etag: Option<String>,
    body: Response<Body>,
}

/// The HTTP client with a downloader's time limits.
pub(super) struct Http {
    agent: Agent,
    stall: Duration,
}

impl Http {
    pub(super) fn new(settings: &Downloader) -> Self {
        let mut config = Agent::config_builder()
            .user_agent(concat!("sam-train/", env!("CARGO_PKG_VERSION")))
            // The bytes as they lie on the server: a `.gz` file must not be packed once more.
            .accept_encoding("identity")
            .http_status_as_error(false)
            // A connection that waits while a file is checked or unpacked may be dead by then.
            .max_idle_connections(0)
            .timeout_resolve(Some(settings.connect_timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_send_request(Some(settings.stall_timeout))
            .timeout_recv_response(Some(settings.stall_timeout))
            .timeout_per_read(Some(settings.stall_timeout));
        if settings.direct {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().new_agent(),
            stall: settings.stall_timeout,
        }
    }

    /// Asks for the file from `wanted.from` on.
    pub(super) fn get(&self, wanted: Wanted<'_>) -> Result<Answer, DownloadError> {
        let mut request = self.agent.get(wanted.url);
        if wanted.from > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", wanted.from));
            if let Some(etag) = wanted.etag {
                request = request.header(header::IF_RANGE, etag);
            }
        }
        let response = request
            .call()
            .map_err(|error| self.error(wanted.url, (wanted.from, wanted.bytes), error))?;
        let from = match response.status().as_u16() {
            200 => {
                check_size(wanted, response.body().content_length())?;
                0
            }
            206 if wanted.from > 0 => {
                check_range(wanted, response.headers())?;
                wanted.from
            }
            status => {
                return Err(DownloadError::Status {
                    url: wanted.url.into(),
                    status,
                });
            }
        };
        let etag = strong_etag(response.headers());
        if from > 0 && wanted.etag.is_some() && etag.is_some() && etag.as_deref() != wanted.etag {
            return Err(protocol(
                wanted,
                "the file changed between two tries".into(),
            ));
        }
        Ok(Answer {
            from,
            etag,
            body: response,
        })
    }

    /// What an error of the client means, where the first of two numbers of bytes are there.
    pub(super) fn error(
        &self,
        url: &str,
        (received, expected): (u64, u64),
        error: ureq::Error,
    ) -> DownloadError {
        let url = url.to_owned();
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Tls(_)
            | ureq::Error::Rustls(_) => DownloadError::Connect {
                url,
                reason: error.to_string(),
            },
            ureq::Error::Timeout(_) => DownloadError::Stalled {
                url,
                after: self.stall,
                received,
                expected,
            },
            ureq::Error::Io(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => DownloadError::Truncated {
                    url,
                    received,
                    expected,
                },
                _ => DownloadError::Connect {
                    url,
                    reason: error.to_string(),
                },
            },
            other => DownloadError::Protocol {
                url,
                reason: other.to_string(),
            },
        }
    }
}

impl Answer {
    /// The bytes, as many as come.
    pub(super) fn reader(self) -> impl Read {
        self.body.into_body().into_reader()
    }
}

fn protocol(wanted: Wanted<'_>, reason: String) -> DownloadError {
    DownloadError::Protocol {
        url: wanted.url.into(),
        reason,
    }
}

/// Refuses a file of another size before any of it is read.
fn check_size(wanted: Wanted<'_>, found: Option<u64>) -> Result<(), DownloadError> {
    match found {
        Some(found) if found != wanted.bytes => Err(DownloadError::Size {
            url: wanted.url.into(),
            found: Some(found),
            expected: wanted.bytes,
        }),
        _ => Ok(()),
    }
}

/// Refuses a part of the file that is not the rest that was asked for.
fn check_range(wanted: Wanted<'_>, headers: &HeaderMap) -> Result<(), DownloadError> {
    let Some(text) = headers.get(header::CONTENT_RANGE) else {
        return Err(protocol(
            wanted,
            "a part of the file without Content-Range".into(),
        ));
    };
    let text = String::from_utf8_lossy(text.as_bytes());
    let Some((first, last, total)) = parse_range(&text) else {
        return Err(protocol(wanted, format!("Content-Range is `{text}`")));
    };
    check_size(wanted, total)?;
    if first != wanted.from || last != wanted.bytes - 1 {
        return Err(protocol(
            wanted,
            format!(
                "Content-Range is `{text}`, but bytes {}-{} were asked for",
                wanted.from,
                wanted.bytes - 1
            ),
        ));
    }
    Ok(())
}

/// First byte, last byte and size from `bytes 5-9/10` or `bytes 5-9/*`.
fn parse_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = match total.trim() {
        "*" => None,
        digits => Some(digits.parse().ok()?),
    };
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, total))
}

/// The entity tag, unless it is weak: a weak one may stand for other bytes.
fn strong_etag(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get(header::ETAG)?.to_str().ok()?.trim();
    etag.starts_with('"').then(|| etag.to_owned())
}
