use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    not_met,
    words::{HELLO, HERE, Hello, REFUSED, THANKS, answer},
};
use crate::distributed::WorldError;

/// How often rank 0 looks who has come.
const PAUSE: Duration = Duration::from_millis(5);
/// Those that come and have not said who they are: more are sent away.
const STRANGERS: usize = 256;

/// A place to listen that other machines reach by `host`.
pub(super) fn at(host: &str, port: u16) -> Result<TcpListener, WorldError> {
    // A name may mean another address on its own machine (127.0.1.1 on Debian), so it says nothing about where to listen.
    let addresses: Vec<IpAddr> = match host.parse() {
        Ok(address) => vec![address],
        Err(_) if host == "localhost" => vec![Ipv4Addr::LOCALHOST.into()],
        Err(_) => vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
    };
    let mut failed = String::new();
    for address in addresses {
        match TcpListener::bind((address, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error.to_string(),
        }
    }
    Err(not_met(format!(
        "rank 0 can't listen at {host}, port {port}: {failed}"
    )))
}

/// Gives `bytes` to each of the other ranks.
pub(super) fn serve(
    listener: &TcpListener,
    size: usize,
    bytes: &[u8],
    until: Instant,
) -> Result<(), WorldError> {
    let failed = |error| not_met(format!("rank 0 can't listen: {error}"));
    listener.set_nonblocking(true).map_err(failed)?;
    let mut job = Job {
        bytes,
        is_there: vec![false; size],
        odd: None,
    };
    job.is_there[0] = true;
    let mut guests: Vec<Guest> = Vec::new();
    while job.is_there.contains(&false) {
        // What fails here is one who has gone again.
        while let Ok((stream, _)) = listener.accept() {
            if guests.len() < STRANGERS && stream.set_nonblocking(true).is_ok() {
                guests.push(Guest::new(stream));
            }
        }
        guests.retain_mut(|guest| guest.attend(&mut job));
        if Instant::now() > until {
            return Err(job.incomplete());
        }
        sleep(PAUSE);
    }
    Ok(())
}

struct Job<'a> {
    bytes: &'a [u8],
    /// Which ranks have the bytes.
    is_there: Vec<bool>,
    /// Why a rank was sent away.
    odd: Option<String>,
}

impl Job<'_> {
    /// Why a rank can't be one of these.
    fn refusal(&self, hello: Hello) -> Option<String> {
        let Hello { rank, size, len } = hello;
        let of = self.is_there.len();
        if size as usize != of {
            Some(format!(
                "rank {rank} is one of {size}, and rank 0 one of {of}"
            ))
        } else if len as usize != self.bytes.len() {
            let has = self.bytes.len();
            Some(format!(
                "rank {rank} wants {len} bytes, and rank 0 has {has}"
            ))
        } else if self.is_there.get(rank as usize) != Some(&false) {
            Some(format!("there are two of rank {rank}"))
        } else {
            None
        }
    }

    fn incomplete(&self) -> WorldError {
        let ranks = self.is_there.iter().enumerate();
        let missing: Vec<_> = ranks
            .filter(|(_, is_there)| !**is_there)
            .map(|(rank, _)| rank.to_string())
            .collect();
        let size = self.is_there.len();
        let odd = self.odd.as_ref().map(|odd| format!("; {odd}"));
        not_met(format!(
            "of {size} ranks these have not come in time: {}{}",
            missing.join(", "),
            odd.unwrap_or_default()
        ))
    }
}

/// One who has come.
struct Guest {
    stream: TcpStream,
    heard: Vec<u8>,
    /// What it is yet to be told.
    to_say: Vec<u8>,
    /// As which rank it gets the bytes; `None` until it has said so, or if it gets none.
    rank: Option<usize>,
    is_refused: bool,
}

impl Guest {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            heard: Vec::new(),
            to_say: Vec::new(),
            rank: None,
            is_refused: false,
        }
    }

    /// Hears and says what there is. Whether it stays.
    fn attend(&mut self, job: &mut Job) -> bool {
        if !self.say() {
            return false;
        }
        if self.is_refused {
            return !self.to_say.is_empty();
        }
        let mut heard = [0; HELLO];
        let read = match self.stream.read(&mut heard) {
            // It has gone.
            Ok(0) => return false,
            Ok(read) => read,
            Err(error) => return is_for_later(error.kind()),
        };
        self.heard.extend(&heard[..read]);
        match self.rank {
            None => self.meet(job) && self.say(),
            Some(rank) => {
                // Who does not thank has not understood.
                if self.heard[HELLO..].first() == Some(&THANKS) {
                    job.is_there[rank] = true;
                }
                false
            }
        }
    }

    /// Answers who has said who it is.
    fn meet(&mut self, job: &mut Job) -> bool {
        let Some(said) = self.heard.first_chunk() else {
            return true;
        };
        let Some(hello) = Hello::heard(said) else {
            return false;
        };
        match job.refusal(hello) {
            None => {
                self.rank = Some(hello.rank as usize);
                self.to_say = answer(HERE, job.bytes);
            }
            Some(why) => {
                self.is_refused = true;
                self.to_say = answer(REFUSED, why.as_bytes());
                job.odd = Some(why);
            }
        }
        true
    }

    /// Says as much as is taken. Whether it is still there.
    fn say(&mut self) -> bool {
        while !self.to_say.is_empty() {
            match self.stream.write(&self.to_say) {
                Ok(0) => return false,
                Ok(written) => drop(self.to_say.drain(..written)),
                Err(error) => return is_for_later(error.kind()),
            }
        }
        true
    }
}

fn is_for_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
