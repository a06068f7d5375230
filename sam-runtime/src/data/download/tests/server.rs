//! An HTTP server on the loopback interface that does what a test says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::thread::{self, JoinHandle};

/// What a client has asked for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) path: String,
    headers: HashMap<String, String>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte that is asked for.
    pub(super) fn from(&self) -> usize {
        let range = self.header("range").unwrap_or("bytes=0-");
        let first = range.strip_prefix("bytes=").unwrap().strip_suffix('-');
        first.unwrap().parse().unwrap()
    }
}

/// Answers each request by a function of its number and itself, each on a thread of its own.
pub(super) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn new(
        answer: impl Fn(usize, &Request, &mut Client) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let (seen, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                let mut client = Client(stream.unwrap());
                thread::spawn(move || {
                    let Some(request) = client.request() else {
                        return;
                    };
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    answer(number, &request, &mut client);
                });
            }
        });
        Self {
            address,
            requests,
            stop,
            thread: Some(thread),
        }
    }

    /// The URL of the folder with the files.
    pub(super) fn url(&self) -> String {
        format!("http://{}/files/", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The first bytes that the requests so far asked for, in their order.
    pub(super) fn starts(&self) -> Vec<usize> {
        self.requests().iter().map(Request::from).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // One more connection, so that the thread looks.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

/// A client, as the server sees it.
pub(super) struct Client(TcpStream);

impl Client {
    fn request(&mut self) -> Option<Request> {
        let mut lines = BufReader::new(&self.0).lines();
        let first = lines.next()?.ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let mut headers = HashMap::new();
        for line in lines {
            let line = line.ok()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        Some(Request { path, headers })
    }

    /// Sends a head: a status with its reason, and lines of headers.
    pub(super) fn head(&mut self, status: &str, headers: &[(&str, String)]) {
        let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.send((head + "\r\n").as_bytes());
    }

    /// Sends bytes; that the client has gone is no matter.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
        let _ = self.0.flush();
    }

    /// Says nothing more until the client goes.
    pub(super) fn stall(&mut self) {
        let _ = self.0.read(&mut [0]);
    }

    /// A status without a file.
    pub(super) fn status(&mut self, status: &str) {
        self.head(status, &[("Content-Length", "0".into())]);
    }

    /// As a server does that knows ranges: the whole file, or its rest.
    pub(super) fn file(&mut self, request: &Request, bytes: &[u8]) {
        self.tagged_file(request, bytes, None);
    }

    /// As [`file`](Self::file), with an entity tag: the whole file where the client has another.
    pub(super) fn tagged_file(&mut self, request: &Request, bytes: &[u8], etag: Option<&str>) {
        self.beginning(request, bytes, etag, usize::MAX);
    }

    /// As [`tagged_file`](Self::tagged_file), but no more than `most` bytes of what the head promises.
    pub(super) fn beginning(
        &mut self,
        request: &Request,
        bytes: &[u8],
        etag: Option<&str>,
        most: usize,
    ) {
        let other = request
            .header("if-range")
            .is_some_and(|tag| Some(tag) != etag);
        let from = if other { 0 } else { request.from() };
        let mut headers = vec![("Content-Length", (bytes.len() - from).to_string())];
        headers.extend(etag.map(|etag| ("ETag", etag.to_owned())));
        if from > 0 {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            headers.push(("Content-Range", range));
            self.head("206 Partial Content", &headers);
        } else {
            self.head("200 OK", &headers);
        }
        let end = bytes.len().min(from.saturating_add(most));
        self.send(&bytes[from..end]);
    }
}
