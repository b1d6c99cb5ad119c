//! A Hub with one model, which keeps large files on a storage server of its own, as Hugging Face's does.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use pilotlight_model::Digest;
use serde_json::{Value, json};

/// The commit that a hub begins with.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What is wrong with a file.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Half of it is sent, then the connection is closed.
    Cut,
    /// Something else of the same length is sent.
    Changed,
    /// It is said to be elsewhere.
    Elsewhere(String),
    /// It is said to have this size.
    Sized(u64),
    /// Nobody says its size, as some mirrors do not.
    Unsized,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path with its query.
    pub path: String,
    /// Who asked.
    pub authorization: Option<String>,
    /// Whether it went to the storage.
    pub of_storage: bool,
}

#[derive(Default)]
struct State {
    repository: String,
    commit: String,
    files: BTreeMap<String, Vec<u8>>,
    faults: BTreeMap<String, Fault>,
    token: Option<String>,
    away: bool,
    asked: Vec<Asked>,
}

/// A running hub; its clones are the same hub.
#[derive(Clone)]
pub struct Hub {
    address: SocketAddr,
    storage: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Hub {
    /// Starts one on free ports, with the model `repository`.
    pub fn start<C: Into<Vec<u8>>>(
        repository: &str,
        files: impl IntoIterator<Item = (&'static str, C)>,
    ) -> Self {
        let [hub, storage] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let files = files.into_iter().map(|(name, content)| (name.to_owned(), content.into()));
        let state = State {
            repository: repository.to_owned(),
            commit: COMMIT.to_owned(),
            files: files.collect(),
            ..State::default()
        };
        let started = Self {
            address: hub.local_addr().unwrap(),
            storage: storage.local_addr().unwrap(),
            state: Arc::new(Mutex::new(state)),
        };
        for (listener, of_storage) in [(hub, false), (storage, true)] {
            let answering = started.clone();
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    answering.answer(&stream, of_storage);
                    let _ = stream.shutdown(Shutdown::Both);
                }
            });
        }
        started
    }

    /// Its URL, for `HF_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// Lets nobody ask without this token.
    pub fn require(&self, token: &str) {
        self.change(|state| state.token = Some(token.to_owned()));
    }

    /// Answers nobody any more, or everybody again.
    pub fn set_away(&self, away: bool) {
        self.change(|state| state.away = away);
    }

    /// Adds a file or changes one, in another commit.
    pub fn commit(&self, commit: &str, name: &str, content: impl Into<Vec<u8>>) {
        self.change(|state| {
            state.commit = commit.to_owned();
            state.files.insert(name.to_owned(), content.into());
        });
    }

    /// Has something wrong with a file, or nothing any more.
    pub fn spoil(&self, name: &str, fault: Option<Fault>) {
        self.change(|state| match fault {
            Some(fault) => drop(state.faults.insert(name.to_owned(), fault)),
            None => drop(state.faults.remove(name)),
        });
    }

    /// What has been asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    fn answer(&self, stream: &TcpStream, of_storage: bool) -> Option<()> {
        let (path, authorization) = read(stream)?;
        let mut state = self.state.lock().unwrap();
        let asked = Asked { path: path.clone(), authorization: authorization.clone(), of_storage };
        state.asked.push(asked);
        if state.away {
            return None;
        }
        let expected = state.token.as_ref().map(|token| format!("Bearer {token}"));
        if !of_storage && expected.is_some() && expected != authorization {
            return respond(stream, "401 Unauthorized", "", b"Repository not found");
        }
        let name = path.rsplit_once(&format!("/resolve/{}/", state.commit)).map(|(_, name)| name);
        match name.map(|name| name.replace("%2F", "/")) {
            Some(name) => self.file(stream, &state, &name, of_storage),
            None => {
                let base = format!("/api/models/{}/revision/", state.repository);
                let revision = path.strip_prefix(&base)?.split('?').next()?;
                let known = ["main", "refs%2Fpr%2F1", &state.commit];
                if !known.contains(&revision) {
                    return respond(stream, "404 Not Found", "", b"{}");
                }
                let info = state.info().to_string();
                respond(stream, "200 OK", "content-type: application/json\r\n", info.as_bytes())
            }
        }
    }

    fn file(&self, stream: &TcpStream, state: &State, name: &str, of_storage: bool) -> Option<()> {
        let Some(content) = state.files.get(name) else {
            return respond(stream, "404 Not Found", "", b"Entry not found");
        };
        let digest = Digest::of(content);
        let fault = state.faults.get(name);
        if is_large(name) && !of_storage {
            let there = format!("http://{}/resolve/{}/{name}", self.storage, state.commit);
            let location = match fault {
                Some(Fault::Elsewhere(location)) => location,
                _ => &there,
            };
            let headers = format!("location: {location}\r\nx-linked-etag: \"{digest}\"\r\n");
            return respond(stream, "302 Found", &headers, b"");
        }
        match fault {
            Some(Fault::Cut) => {
                let length = content.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let mut stream = stream;
                stream.write_all(head.as_bytes()).ok()?;
                stream.write_all(&content[..length / 2]).ok()
            }
            Some(Fault::Unsized) => {
                let mut stream = stream;
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
                stream.write_all(content).ok()
            }
            Some(Fault::Changed) => respond(stream, "200 OK", "", &vec![b'x'; content.len()]),
            _ => respond(stream, "200 OK", "etag: \"0123abcd\"\r\n", content),
        }
    }
}

impl State {
    fn info(&self) -> Value {
        let sibling = |(name, content): (&String, &Vec<u8>)| {
            let size = match self.faults.get(name) {
                Some(Fault::Sized(size)) => Some(*size),
                Some(Fault::Unsized) => None,
                _ => Some(content.len() as u64),
            };
            let mut sibling = json!({"rfilename": name, "size": size, "blobId": "0123abcd"});
            if is_large(name) {
                let sha256 = Digest::of(content).to_string();
                sibling["lfs"] = json!({"sha256": sha256, "size": size, "pointerSize": 130});
            }
            sibling
        };
        let siblings: Vec<_> = self.files.iter().map(sibling).collect();
        json!({"id": self.repository, "sha": self.commit, "gated": false, "siblings": siblings})
    }
}

fn is_large(name: &str) -> bool {
    name.ends_with(".onnx")
}

/// Path and authorization of a request; `None` for a connection that brings none.
fn read(stream: &TcpStream) -> Option<(String, Option<String>)> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut authorization = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
    }
    Some((path, authorization))
}

fn respond(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8]) -> Option<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()
}
