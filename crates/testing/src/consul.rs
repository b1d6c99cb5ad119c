//! A Consul agent that knows one key, and holds questions until the key changes.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// What is answered instead of the value.
pub enum Answer {
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing: the connection is closed.
    Close,
}

impl Answer {
    /// A response.
    pub fn raw(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        Self::Raw(text.into_bytes())
    }

    /// With a body that is no text.
    pub fn spoilt(self) -> Self {
        match self {
            Self::Raw(mut bytes) => {
                bytes.pop();
                bytes.push(0xff);
                Self::Raw(bytes)
            }
            close => close,
        }
    }
}

#[derive(Default)]
struct State {
    value: Option<String>,
    index: u64,
    /// How often waits were ended as if their time were over.
    ended: u64,
    waiting: usize,
    /// Connections are closed without an answer.
    away: bool,
    answers: VecDeque<Answer>,
    requests: Vec<String>,
}

/// A running agent; its clones are the same agent.
#[derive(Clone)]
pub struct Agent {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Agent {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = State { index: 1, ..State::default() };
        let address = listener.local_addr().unwrap();
        let agent = Self { address, state: Arc::new((Mutex::new(state), Condvar::new())) };
        let accepting = agent.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let agent = accepting.clone();
                thread::spawn(move || while agent.answer(&stream).is_some() {});
            }
        });
        agent
    }

    /// Its URL.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where `key` has its address.
    pub fn url(&self, key: &str) -> String {
        format!("{}/v1/kv/{key}", self.address())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.0.lock().unwrap());
        self.state.1.notify_all();
    }

    /// Changes the key's value.
    pub fn set(&self, value: &str) {
        self.change(|state| (state.value, state.index) = (Some(value.to_owned()), state.index + 1));
    }

    /// Removes the key.
    pub fn remove(&self) {
        self.change(|state| (state.value, state.index) = (None, state.index + 1));
    }

    /// Answers nobody any more, also those who wait, or everybody again.
    pub fn set_away(&self, away: bool) {
        self.change(|state| state.away = away);
    }

    /// Brings back an older state of everything.
    pub fn restore(&self, value: &str, index: u64) {
        self.change(|state| {
            (state.value, state.index) = (Some(value.to_owned()), index);
            state.ended += 1;
        });
    }

    /// Lets the wait that comes next, or that there is, be over at once.
    pub fn end_waits(&self) {
        self.change(|state| state.ended += 1);
    }

    /// Sets what the next questions are answered with instead of the value.
    pub fn next_answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.change(|state| state.answers.extend(answers));
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.0.lock().unwrap().requests.clone()
    }

    /// Waits until a question is held.
    pub fn until_one_waits(&self) {
        let state = self.state.0.lock().unwrap();
        drop(self.state.1.wait_while(state, |state| state.waiting == 0).unwrap());
    }

    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            request.extend(byte);
            // What is no HTTP: somebody speaks TLS.
            if !byte.is_ascii() {
                return None;
            }
        }
        let request = String::from_utf8(request).unwrap();
        let seen = index(&request);
        let mut state = self.state.0.lock().unwrap();
        state.requests.push(request);
        let answer = match state.answers.pop_front() {
            Some(answer) => answer,
            None => self.held(state, seen),
        };
        match answer {
            Answer::Raw(bytes) => stream.write_all(&bytes).ok(),
            Answer::Close => stream.shutdown(std::net::Shutdown::Both).ok().and(None),
        }
    }

    /// The value, once it is newer than what was seen.
    fn held(&self, mut state: std::sync::MutexGuard<'_, State>, seen: u64) -> Answer {
        if seen > 0 {
            state.waiting += 1;
            self.state.1.notify_all();
            let same = |state: &mut State| state.index <= seen && state.ended == 0 && !state.away;
            state = self.state.1.wait_while(state, same).unwrap();
            state.waiting -= 1;
            state.ended = 0;
        }
        if state.away {
            return Answer::Close;
        }
        let header = format!("X-Consul-Index: {}\r\n", state.index);
        match &state.value {
            Some(value) => Answer::raw("200 OK", &header, value),
            None => Answer::raw("404 Not Found", &header, ""),
        }
    }
}

/// The index that a question names.
pub fn index(request: &str) -> u64 {
    let rest = request.split_once("index=").unwrap().1;
    rest.split(['&', ' ']).next().unwrap().parse().unwrap()
}
