use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    Rendezvous, not_met,
    words::{ANSWER, HERE, Hello, REFUSED, THANKS, WORDS, kind_of},
};
use crate::distributed::WorldError;

/// Between tries: rank 0 may not be there yet.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// For a single try.
const PATIENCE: Duration = Duration::from_secs(10);

/// `bytes` become those of rank 0.
pub(super) fn fetch(
    place: &Rendezvous,
    bytes: &mut [u8],
    until: Instant,
) -> Result<(), WorldError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let problem = match visit(place, bytes, left.min(PATIENCE)) {
            Ok(None) => return Ok(()),
            Ok(Some(why)) => return Err(not_met(why)),
            Err(problem) => problem,
        };
        if until.saturating_duration_since(Instant::now()) <= pause {
            let Rendezvous { host, port, .. } = place;
            let why = format!(
                "rank {} has not found rank 0 at {host}, port {port}, in time: {problem}",
                place.rank
            );
            return Err(not_met(why));
        }
        sleep(pause);
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// One try; what rank 0 says where it refuses.
fn visit(place: &Rendezvous, bytes: &mut [u8], patience: Duration) -> io::Result<Option<String>> {
    let mut stream = connect(place, patience)?;
    stream.set_nodelay(true)?;
    // Zero would be no limit.
    let patience = Some(patience.max(Duration::from_millis(1)));
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    let number = |number: usize| u32::try_from(number).map_err(io::Error::other);
    let hello = Hello {
        rank: number(place.rank)?,
        size: number(place.size)?,
        len: number(bytes.len())?,
    };
    stream.write_all(&hello.said())?;
    let mut head = [0; ANSWER];
    stream.read_exact(&mut head)?;
    match kind_of(&head) {
        Some((HERE, len)) if len == bytes.len() => {
            stream.read_exact(bytes)?;
            stream.write_all(&[THANKS])?;
            Ok(None)
        }
        Some((REFUSED, len)) if len <= WORDS => {
            let mut words = vec![0; len];
            stream.read_exact(&mut words)?;
            Ok(Some(String::from_utf8_lossy(&words).into_owned()))
        }
        _ => Err(io::Error::other("another program listens there")),
    }
}

fn connect(place: &Rendezvous, patience: Duration) -> io::Result<TcpStream> {
    let mut problem = io::Error::new(ErrorKind::NotFound, "that machine has no address");
    for address in (&*place.host, place.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience.max(Duration::from_millis(1))) {
            Ok(stream) => return Ok(stream),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}
