use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use super::client::{Response, request, send};
use super::process::Process;
use super::spec::{FollowUpRequest, StartCommand};
use crate::error::{Error, Result};
use crate::memory;
use crate::report::Start;
use crate::server_timing::Timing;
use crate::target::Url;

/// The interval between attempts to get a first response; it limits the precision.
const RETRY: Duration = Duration::from_micros(500);

/// Timeout of the connection that checks whether an address is in use.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);

/// The fields of the status that are used.
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

    /// Starts the command, waits for its first response and ends it.
    pub(super) fn start(&self, command: &StartCommand) -> Result<Start> {
        let addresses = addresses(&command.url)?;
        if addresses
            .iter()
            .any(|address| TcpStream::connect_timeout(address, PROBE_TIMEOUT).is_ok())
        {
            return Err(Error::Start {
                name: command.name.clone(),
                reason: format!("another server already listens at {}; stop it first", command.url),
                output: String::new(),
            });
        }
        let mut process = Process::start(command)?;
        let (first, total) = self.first_response(command, &addresses, &mut process)?;
        let mut instantiate = instantiation(&first);
        let mut first_inference = None;
        if let Some(request) = &command.follow_up {
            let (response, took) = self.follow_up(request, &mut process)?;
            instantiate = instantiate.or_else(|| instantiation(&response));
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

    /// The first response with status 200, and its time since the start.
    fn first_response(
        &self,
        command: &StartCommand,
        addresses: &[SocketAddr],
        process: &mut Process,
    ) -> Result<(Response, Duration)> {
        let deadline = process.started + self.timeout;
        let mut last_seen = "no connection".to_owned();
        while Instant::now() < deadline {
            for address in addresses {
                let attempt = send(*address, request(&command.url, None, None)?);
                match self.within(deadline, attempt) {
                    Some(Ok(response)) if response.status == StatusCode::OK => {
                        return Ok((response, process.started.elapsed()));
                    }
                    Some(Ok(response)) => last_seen = format!("status {}", response.status),
                    // Connections are refused most of the time, which must not hide a status.
                    Some(Err(_)) => {}
                    None => last_seen = "a connection without a response".to_owned(),
                }
            }
            process.check()?;
            thread::sleep(RETRY);
        }
        let (url, seconds) = (&command.url, self.timeout.as_secs_f64());
        Err(process.failed(&format!("no 200 from {url} within {seconds} s, only {last_seen}")))
    }

    fn follow_up(
        &self,
        FollowUpRequest { url, body }: &FollowUpRequest,
        process: &mut Process,
    ) -> Result<(Response, Duration)> {
        let begun = Instant::now();
        let response = self.expect_ok(request(url, body.as_ref(), None)?, url, process)?;
        Ok((response, begun.elapsed()))
    }

    fn status(
        &self,
        url: &Url,
        token: Option<&HeaderValue>,
        process: &mut Process,
    ) -> Result<StatusStart> {
        let response = self.expect_ok(request(url, None, token)?, url, process)?;
        let status: Status = serde_json::from_slice(&response.body).map_err(|error| {
            let expected = "{\"start\": {\"main_unix_us\": …, \"load_us\": …}}";
            process.failed(&format!("{url} does not respond with {expected}: {error}"))
        })?;
        Ok(status.start)
    }

    fn expect_ok(
        &self,
        request: Request<Full<Bytes>>,
        url: &Url,
        process: &mut Process,
    ) -> Result<Response> {
        let deadline = Instant::now() + self.timeout;
        let mut seen = "no connection".to_owned();
        for address in addresses(url)? {
            match self.within(deadline, send(address, request.clone())) {
                Some(Ok(response)) if response.status.is_success() => return Ok(response),
                Some(Ok(response)) => seen = format!("status {}", response.status),
                Some(Err(failure)) => seen = format!("{failure:?}").to_lowercase(),
                None => seen = "no response in time".to_owned(),
            }
        }
        Err(process.failed(&format!("no successful response from {url} after the first: {seen}")))
    }

    fn within<F: Future>(&self, deadline: Instant, exchange: F) -> Option<F::Output> {
        self.runtime
            .block_on(async { tokio::time::timeout_at(deadline.into(), exchange).await.ok() })
    }
}

fn addresses(url: &Url) -> Result<Vec<SocketAddr>> {
    url.addresses().map_err(|error| Error::syntax("URL", &url.to_string(), error.to_string()))
}

fn instantiation(response: &Response) -> Option<Duration> {
    Timing::from_headers(&response.headers)?.instantiate
}

/// The time from just before `exec` to the beginning of `main`; none if the clock was set.
fn process_start(process: &Process, status: &StatusStart) -> Option<f64> {
    let started = process.started_unix.duration_since(UNIX_EPOCH).ok()?;
    Duration::from_micros(status.main_unix_us?).checked_sub(started).map(ms)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
