use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use super::client::{Answer, ask, request};
use super::process::Process;
use super::spec::{StartCommand, Then};
use crate::error::{Error, Result};
use crate::memory;
use crate::report::Start;
use crate::server_timing::Timing;
use crate::target::Url;

/// Between two attempts to get a first answer; it bounds how exact a start is known.
const RETRY: Duration = Duration::from_micros(500);

/// How long a connection may take that tells whether an address is taken.
const LOOK: Duration = Duration::from_millis(200);

/// What the status address reports; anything else in it is passed over.
#[derive(Deserialize)]
struct Status {
    start: StatusStart,
}

#[derive(Deserialize)]
struct StatusStart {
    main_unix_us: Option<u64>,
    load_us: Option<u64>,
}

/// Measures single starts.
pub(super) struct Starter {
    runtime: Runtime,
    timeout: Duration,
}

impl Starter {
    pub(super) fn new(timeout: Duration) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self { runtime: runtime.map_err(Error::system("start the runtime"))?, timeout })
    }

    /// Starts the command, waits for its first answer and ends it.
    pub(super) fn start(&self, command: &StartCommand) -> Result<Start> {
        let addresses = addresses(&command.url)?;
        if addresses.iter().any(|address| TcpStream::connect_timeout(address, LOOK).is_ok()) {
            return Err(Error::Start {
                name: command.name.clone(),
                reason: format!("something already answers at {}; stop it first", command.url),
                output: String::new(),
            });
        }
        let mut process = Process::start(command)?;
        let (first, total) = self.first_answer(command, &addresses, &mut process)?;
        let mut instantiate = instantiation(&first);
        let mut first_inference = None;
        if let Some(then) = &command.then {
            let (answer, took) = self.then(then, &mut process)?;
            instantiate = instantiate.or_else(|| instantiation(&answer));
            first_inference = Some(took);
        }
        let memory = memory::of_family(process.id());
        let status = match &command.status_url {
            Some(url) => Some(self.status(url, command.status_token.as_ref(), &mut process)?),
            None => None,
        };
        Ok(Start {
            total_ms: ms(total),
            process_start_ms: status.as_ref().and_then(|status| process_start(&process, status)),
            component_load_ms: status.and_then(|status| Some(status.load_us? as f64 / 1e3)),
            instantiate_ms: instantiate.map(ms),
            first_inference_ms: first_inference.map(ms),
            memory,
        })
    }

    /// The first 200, and how long after the start it was there.
    fn first_answer(
        &self,
        command: &StartCommand,
        addresses: &[SocketAddr],
        process: &mut Process,
    ) -> Result<(Answer, Duration)> {
        let deadline = process.started + self.timeout;
        let mut last_seen = "no connection".to_owned();
        while Instant::now() < deadline {
            for address in addresses {
                let attempt = ask(*address, request(&command.url, None, None)?);
                match self.within(deadline, attempt) {
                    Some(Ok(answer)) if answer.status == StatusCode::OK => {
                        return Ok((answer, process.started.elapsed()));
                    }
                    Some(Ok(answer)) => last_seen = format!("status {}", answer.status),
                    // Refusals come all the time and would hide a status seen before.
                    Some(Err(_)) => {}
                    None => last_seen = "a connection without an answer".to_owned(),
                }
            }
            process.check()?;
            thread::sleep(RETRY);
        }
        let (url, seconds) = (&command.url, self.timeout.as_secs_f64());
        Err(process.failed(&format!("no 200 from {url} within {seconds} s, only {last_seen}")))
    }

    fn then(&self, then: &Then, process: &mut Process) -> Result<(Answer, Duration)> {
        let begun = Instant::now();
        let answer =
            self.expect_ok(request(&then.url, then.body.as_ref(), None)?, &then.url, process)?;
        Ok((answer, begun.elapsed()))
    }

    fn status(
        &self,
        url: &Url,
        token: Option<&HeaderValue>,
        process: &mut Process,
    ) -> Result<StatusStart> {
        let answer = self.expect_ok(request(url, None, token)?, url, process)?;
        let status: Status = serde_json::from_slice(&answer.body).map_err(|error| {
            let expected = "{\"start\": {\"main_unix_us\": …, \"load_us\": …}}";
            process.failed(&format!("{url} does not answer with {expected}: {error}"))
        })?;
        Ok(status.start)
    }

    fn expect_ok(
        &self,
        request: Request<Full<Bytes>>,
        url: &Url,
        process: &mut Process,
    ) -> Result<Answer> {
        let deadline = Instant::now() + self.timeout;
        let mut seen = "no connection".to_owned();
        for address in addresses(url)? {
            match self.within(deadline, ask(address, request.clone())) {
                Some(Ok(answer)) if answer.status.is_success() => return Ok(answer),
                Some(Ok(answer)) => seen = format!("status {}", answer.status),
                Some(Err(failure)) => seen = format!("{failure:?}").to_lowercase(),
                None => seen = "no answer in time".to_owned(),
            }
        }
        Err(process.failed(&format!("no good answer from {url} after the first: {seen}")))
    }

    fn within<F: Future>(&self, deadline: Instant, exchange: F) -> Option<F::Output> {
        self.runtime
            .block_on(async { tokio::time::timeout_at(deadline.into(), exchange).await.ok() })
    }
}

fn addresses(url: &Url) -> Result<Vec<SocketAddr>> {
    url.addresses().map_err(|error| Error::syntax("URL", &url.to_string(), error.to_string()))
}

fn instantiation(answer: &Answer) -> Option<Duration> {
    Timing::from_headers(&answer.headers)?.instantiate
}

/// From just before `exec` to the beginning of `main`; nothing when the clock was set meanwhile.
fn process_start(process: &Process, status: &StatusStart) -> Option<f64> {
    let started = process.started_unix.duration_since(UNIX_EPOCH).ok()?;
    Duration::from_micros(status.main_unix_us?).checked_sub(started).map(ms)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
