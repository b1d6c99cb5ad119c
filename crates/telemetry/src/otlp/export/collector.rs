//! The way to the collector: OTLP over HTTP, in protobuf.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pilotlight_http_client::tls;
use ureq::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::item::{Item, PartialSuccess};
use super::resource::Sender;
use super::shutdown::Shutdown;
use super::target::Target;
use crate::exported::{Fate, SIGNALS, Signal};
use crate::metrics::Metrics;
use crate::otlp::{OtlpError, OtlpOptions};
use crate::trace::draw_share;

const PROTOBUF: &str = "application/x-protobuf";
/// Longest wait before something is tried again, whatever the collector asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Longest time to wait for an answer, whatever is configured.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);
/// Most that is read of an answer.
const ANSWER: u64 = 64 << 10;
/// Maximum number of characters of its message that are logged.
const MESSAGE: usize = 200;

pub(super) struct Collector {
    /// Where each signal goes; those without a target are dropped.
    targets: [Option<(Agent, Target)>; SIGNALS.len()],
    sender: Sender,
    timeout: Duration,
    retries: u32,
    backoff: Duration,
    shutdown: Arc<Shutdown>,
    metrics: Metrics,
    /// The last batch of a signal was not delivered, and that has been told.
    failing: [AtomicBool; SIGNALS.len()],
}

/// What came of sending something once.
enum Answer {
    /// The collector took it, apart from so many items.
    Taken { rejected: u64, message: String },
    /// The collector does not want it.
    Refused(String),
    /// The export can be tried again, after the seconds that the collector requested; dates are not
    /// supported.
    Later(String, Option<Duration>),
}

impl Collector {
    pub(super) fn new(
        options: &OtlpOptions,
        metrics: &Metrics,
        shutdown: &Arc<Shutdown>,
    ) -> Result<Self, OtlpError> {
        let mut targets = [const { None }; SIGNALS.len()];
        for (signal, _) in SIGNALS {
            let target = options.target(signal)?;
            targets[signal as usize] = target.map(|target| (agent(&target.address), target));
        }
        let sender = Sender::new(&options.service, metrics.version(), &options.attributes);
        Ok(Self {
            targets,
            sender,
            timeout: options.timeout.min(LONGEST_TIMEOUT),
            retries: options.retries,
            backoff: options.backoff,
            shutdown: Arc::clone(shutdown),
            metrics: metrics.clone(),
            failing: Default::default(),
        })
    }

    /// Sends items, again and again if need be, and counts what became of them.
    pub(super) fn deliver<I: Item>(&self, items: Vec<I>) {
        let signal = I::SIGNAL;
        let Some((agent, target)) = &self.targets[signal as usize] else { return };
        let (items, request) = (items.len() as u64, self.sender.request(items));
        let count = |fate, items| self.metrics.exported().add(signal, fate, items);
        let mut left = self.shutdown.left(self.timeout);
        let mut problem = "no time was left to reach the collector".to_owned();
        for retry in 0..=self.retries {
            let Some(timeout) = left else { break };
            let pause = match send::<I>(agent, target, &request, timeout) {
                Answer::Taken { rejected, message } => {
                    let rejected = rejected.min(items);
                    count(Fate::Sent, items - rejected);
                    count(Fate::Refused, rejected);
                    return match rejected {
                        0 => self.recovered(signal),
                        _ => self.failed(
                            signal,
                            &format!("the collector rejects {rejected}: {message}"),
                        ),
                    };
                }
                Answer::Refused(reason) => {
                    count(Fate::Refused, items);
                    return self.failed(signal, &reason);
                }
                Answer::Later(reason, asked) => {
                    problem = reason;
                    asked.unwrap_or_else(|| self.pause_before(retry)).min(LONGEST_PAUSE)
                }
            };
            if retry < self.retries {
                left = self.shutdown.pause(pause, self.timeout);
            }
        }
        count(Fate::Unreachable, items);
        self.failed(signal, &problem);
    }

    fn pause_before(&self, retry: u32) -> Duration {
        let longest = self.backoff.saturating_mul(2_u32.saturating_pow(retry)).min(LONGEST_PAUSE);
        longest.mul_f64(1.0 - draw_share() / 2.0)
    }

    fn address(&self, signal: Signal) -> Option<String> {
        self.targets[signal as usize].as_ref().map(|(_, target)| target.address.to_string())
    }

    /// Tells the first failure, not each.
    fn failed(&self, signal: Signal, reason: &str) {
        if !self.failing[signal as usize].swap(true, Ordering::Relaxed) {
            let collector = self.address(signal);
            tracing::warn!(collector, ?signal, reason, "telemetry is not delivered");
        }
    }

    fn recovered(&self, signal: Signal) {
        if self.failing[signal as usize].swap(false, Ordering::Relaxed) {
            let collector = self.address(signal);
            tracing::info!(collector, ?signal, "telemetry is exported again");
        }
    }
}

fn send<I: Item>(agent: &Agent, target: &Target, request: &[u8], timeout: Duration) -> Answer {
    let mut builder = agent.post(&target.address);
    for (name, value) in &target.headers {
        if let Ok(mut value) = HeaderValue::from_str(value.text()) {
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
    }
    let builder = builder.header(CONTENT_TYPE, PROTOBUF);
    let sent = builder.config().timeout_global(Some(timeout)).build().send(request);
    match sent {
        Ok(response) => read::<I>(response),
        Err(error) => Answer::Later(error.to_string(), None),
    }
}

fn read<I: Item>(mut response: Response<Body>) -> Answer {
    let status = response.status();
    let reason = || format!("the collector answers with status {status}");
    match status.as_u16() {
        200..=299 => {
            let body = response.body_mut().with_config().limit(ANSWER).read_to_vec();
            // An answer that cannot be read is still the answer to something that was taken.
            let partial = body.ok().and_then(|body| I::partial_success(&body).ok());
            let PartialSuccess { rejected, message } = partial.unwrap_or_default();
            let rejected = u64::try_from(rejected).unwrap_or(0);
            let message = message.chars().take(MESSAGE).collect();
            Answer::Taken { rejected, message }
        }
        429 | 502..=504 => {
            let asked = response.headers().get(RETRY_AFTER);
            let seconds = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
            Answer::Later(reason(), seconds.map(Duration::from_secs))
        }
        _ => Answer::Refused(reason()),
    }
}

/// An agent for the collector at `address`. The credentials are for it and nobody else.
fn agent(address: &Uri) -> Agent {
    let config = pilotlight_http_client::agent(address.host().unwrap_or_default());
    let is_tls = address.scheme_str() == Some("https");
    let config = if is_tls { config.tls_config(tls()) } else { config };
    config.build().new_agent()
}
