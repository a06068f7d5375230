use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use super::{words::HELLO, *};

/// A place on this machine, and who listens there.
fn place(size: usize, timeout: Duration) -> (TcpListener, Rendezvous) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Rendezvous {
        rank: 0,
        size,
        local_rank: 0,
        host: "localhost".to_owned(),
        port: listener.local_addr().unwrap().port(),
        timeout,
    };
    (listener, place)
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);
const ID: [u8; 128] = [7; 128];

fn serve(listener: &TcpListener, place: &Rendezvous) -> Result<(), WorldError> {
    listen::serve(listener, place.size, &ID, Instant::now() + place.timeout)
}

/// What rank 0 says to another one.
fn fetch(place: &Rendezvous, rank: usize) -> Result<[u8; 128], WorldError> {
    let place = Rendezvous {
        rank,
        ..place.clone()
    };
    let mut bytes = [0; 128];
    place.share(&mut bytes).map(|()| bytes)
}

#[test]
fn every_rank_gets_the_same_bytes() {
    for size in 1..=4 {
        let (listener, place) = place(size, LONG);
        thread::scope(|scope| {
            let others: Vec<_> = (1..size)
                .map(|rank| {
                    scope.spawn({
                        let place = &place;
                        move || fetch(place, rank)
                    })
                })
                .collect();
            serve(&listener, &place).unwrap();
            for other in others {
                assert_eq!(other.join().unwrap(), Ok(ID), "{size} ranks");
            }
        });
    }
}

#[test]
fn rank_0_may_come_last() {
    let (listener, place) = place(2, LONG);
    drop(listener);
    thread::scope(|scope| {
        let other = scope.spawn(|| fetch(&place, 1));
        thread::sleep(SHORT);
        let mut bytes = ID;
        place.share(&mut bytes).unwrap();
        assert_eq!(other.join().unwrap(), Ok(ID));
    });
}

#[test]
fn another_rank_may_come_last() {
    let (listener, place) = place(3, LONG);
    thread::scope(|scope| {
        let first = scope.spawn(|| serve(&listener, &place));
        assert_eq!(fetch(&place, 2), Ok(ID));
        thread::sleep(SHORT);
        assert!(!first.is_finished());
        assert_eq!(fetch(&place, 1), Ok(ID));
        first.join().unwrap().unwrap();
    });
}

#[test]
fn one_that_never_comes_is_named() {
    let (listener, place) = place(3, SHORT);
    thread::scope(|scope| {
        let other = scope.spawn(|| fetch(&place, 1));
        let error = serve(&listener, &place).unwrap_err().to_string();
        assert!(error.contains("have not come in time: 2"), "{error}");
        assert_eq!(other.join().unwrap(), Ok(ID));
    });
    drop(listener);
    let error = fetch(&place, 1).unwrap_err().to_string();
    assert!(
        error.contains("has not found rank 0 at localhost"),
        "{error}"
    );
}

#[test]
fn strangers_are_no_reason_to_end() {
    let (listener, place) = place(2, LONG);
    let connect = || TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| serve(&listener, &place));
        // One says nothing, one says something else, one goes at once, one goes with what it got.
        let _silent = connect();
        let mut other = connect();
        other
            .write_all(b"GET / HTTP/1.1\r\nHost: rank0\r\n\r\n")
            .unwrap();
        assert_eq!(other.read(&mut [0]).unwrap_or(0), 0);
        drop(connect());
        let mut gone = connect();
        let hello = words::Hello {
            rank: 1,
            size: 2,
            len: 128,
        };
        gone.write_all(&hello.said()).unwrap();
        gone.read_exact(&mut [0; words::ANSWER + 128]).unwrap();
        drop(gone);
        assert_eq!(fetch(&place, 1), Ok(ID));
        first.join().unwrap().unwrap();
    });
}

#[test]
fn what_differs_is_said() {
    let (listener, place) = place(3, LONG);
    thread::scope(|scope| {
        let first = scope.spawn(|| serve(&listener, &place));
        assert_eq!(fetch(&place, 1), Ok(ID));
        let refused = |place: &Rendezvous, rank| fetch(place, rank).unwrap_err().to_string();
        let four = Rendezvous {
            size: 4,
            ..place.clone()
        };
        let error = refused(&four, 2);
        assert!(
            error.contains("rank 2 is one of 4, and rank 0 one of 3"),
            "{error}"
        );
        let error = refused(&place, 1);
        assert!(error.contains("there are two of rank 1"), "{error}");
        let short = Rendezvous {
            rank: 2,
            ..place.clone()
        }
        .share(&mut [0; 4]);
        let error = short.unwrap_err().to_string();
        assert!(
            error.contains("rank 2 wants 4 bytes, and rank 0 has 128"),
            "{error}"
        );
        assert_eq!(fetch(&place, 2), Ok(ID));
        first.join().unwrap().unwrap();
    });
}

#[test]
fn the_environment_says_where() {
    let variables = [
        ("RANK", "3"),
        ("WORLD_SIZE", "8"),
        ("LOCAL_RANK", "1"),
        ("MASTER_ADDR", "node-0"),
        ("MASTER_PORT", "29500"),
    ];
    let with = |change: (&str, &str)| {
        Rendezvous::from(|name| {
            let all = [change].into_iter().chain(variables);
            let found = all.into_iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| value.to_owned())
        })
    };
    let place = with(("", "")).unwrap();
    assert_eq!((place.rank, place.size, place.local_rank), (3, 8, 1));
    assert_eq!((&*place.host, place.port), ("node-0", 29500));
    let under_torchrun = with(("TORCHELASTIC_USE_AGENT_STORE", "True")).unwrap();
    assert_eq!(under_torchrun.port, 29501);
    for (change, expected) in [
        (("RANK", "8"), "ranks count from 0"),
        (("RANK", "-1"), "RANK is \"-1\""),
        (("LOCAL_RANK", ""), "has no LOCAL_RANK"),
        (("MASTER_PORT", "70000"), "70000 is no port"),
    ] {
        let error = with(change).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_said_is_heard() {
    let hello = words::Hello {
        rank: 1,
        size: 2,
        len: 3,
    };
    assert_eq!(words::Hello::heard(&hello.said()), Some(hello));
    assert_eq!(words::Hello::heard(&[0; HELLO]), None);
}
