//! A replica that can be told to misbehave, to die and to come back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a replica does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// Answers with the request's head as its body, but where only the head of an answer is asked for.
    Serve,
    /// Reads it and says nothing, to probes either.
    Hang,
    /// Reads it and resets the connection, to probes either.
    Reset,
    /// Reads it and ends the connection.
    Break,
    /// Writes this, and ends the connection.
    Say(Vec<u8>),
    /// Writes this, and goes on.
    SayAndStay(Vec<u8>),
    /// Writes headers without end.
    Endless,
}

pub(crate) struct Replica {
    pub(crate) at: SocketAddr,
    state: Arc<State>,
    release: Mutex<Sender<()>>,
}

struct State {
    mode: Mutex<Mode>,
    is_alive: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
    heads: Mutex<Vec<String>>,
    released: Mutex<Receiver<()>>,
}

impl Replica {
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn start_at(at: SocketAddr) -> Self {
        let (release, released) = channel();
        let state = State {
            mode: Mutex::new(Mode::Serve),
            is_alive: AtomicBool::new(false),
            streams: Mutex::default(),
            heads: Mutex::default(),
            released: Mutex::new(released),
        };
        let mut replica = Self { at, state: Arc::new(state), release: Mutex::new(release) };
        replica.at = replica.listen();
        replica
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    pub(crate) fn behave(&self, mode: Mode) {
        *self.state.mode.lock().unwrap() = mode;
    }

    /// The heads of the requests that came, but for probes.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap().clone()
    }

    /// Lets the next event of `/events` go out.
    pub(crate) fn release(&self) {
        self.release.lock().unwrap().send(()).unwrap();
    }

    /// Nobody listens any more, and what was open is closed.
    pub(crate) fn kill(&self) {
        self.state.is_alive.store(false, Ordering::SeqCst);
        drop(TcpStream::connect(self.at));
        for stream in self.state.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    pub(crate) fn revive(&self) {
        self.behave(Mode::Serve);
        self.listen();
    }

    fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind(self.at).unwrap();
        let at = listener.local_addr().unwrap();
        let state = Arc::clone(&self.state);
        state.is_alive.store(true, Ordering::SeqCst);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                if !state.is_alive.load(Ordering::SeqCst) {
                    return;
                }
                state.streams.lock().unwrap().push(stream.try_clone().unwrap());
                let state = Arc::clone(&state);
                std::thread::spawn(move || state.converse(stream));
            }
        });
        at
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

impl State {
    fn converse(&self, mut stream: TcpStream) {
        while let Some(head) = read_request(&mut stream) {
            let mode = self.mode.lock().unwrap().clone();
            let is_probe = head.starts_with("GET /readyz ");
            if !is_probe {
                self.heads.lock().unwrap().push(head.clone());
            }
            let answer = match mode {
                Mode::Hang => {
                    let _ = stream.read(&mut [0]);
                    return;
                }
                Mode::Reset => {
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                    return self.forget(&stream);
                }
                _ if is_probe => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
                Mode::Serve if head.starts_with("GET /events ") => return self.events(stream),
                Mode::Serve if head.starts_with("GET /echo ") => return echo(stream),
                Mode::Serve => format!(
                    "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
                     X-End: 1\r\nContent-Length: {}\r\n\r\n{}",
                    head.len(),
                    if head.starts_with("HEAD ") { "" } else { &head }
                )
                .into_bytes(),
                Mode::Break => return self.end(&stream),
                Mode::Say(bytes) => {
                    let _ = stream.write_all(&bytes);
                    return self.end(&stream);
                }
                Mode::SayAndStay(bytes) => bytes,
                Mode::Endless => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                    while stream.write_all(b"X-More: and more\r\n").is_ok() {}
                    return;
                }
            };
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// Two events, the second when it is released.
    fn events(&self, mut stream: TcpStream) {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let first = "c\r\ndata: one\n\n\n\r\n";
        let last = "c\r\ndata: two\n\n\n\r\n0\r\n\r\n";
        stream.write_all(format!("{head}{first}").as_bytes()).unwrap();
        let _ = self.released.lock().unwrap().recv();
        let _ = stream.write_all(last.as_bytes());
    }

    fn end(&self, stream: &TcpStream) {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        self.forget(stream);
    }

    /// Drops the other handle, so that the socket is closed with this one.
    fn forget(&self, stream: &TcpStream) {
        let peer = stream.peer_addr().ok();
        self.streams.lock().unwrap().retain(|other| other.peer_addr().ok() != peer);
    }
}

fn echo(mut stream: TcpStream) {
    let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut bytes = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

/// The head of a request, with its body read too.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).ok()?;
    Some(head)
}
