//! Sends blocking queries to a Consul agent.
//! Used only by `consul`. Does not know the content of a configuration.

use std::time::Duration;

use pilotlight_http_client::tls;
use pilotlight_secret::Secret;
use ureq::Agent;
use ureq::http::{HeaderValue, Response};

use super::url::encoded;
use super::{Change, ConsulError, ConsulOptions};

/// Longest wait that Consul knows.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Longest pause between two questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Pause after the first failure, and after an answer that changed nothing: the index of a key
/// that is absent moves with every other key.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time for what is answered at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// No value of Consul's is longer than 512 KiB, unless its operator has said so.
const LONGEST: u64 = 1 << 20;

/// One key, followed.
#[derive(Debug)]
pub struct Consul {
    options: ConsulOptions,
    agent: Agent,
    token: Option<HeaderValue>,
    /// State of the data that was seen last; 0 asks for what is there now.
    index: u64,
    /// What was told last: a text, or that there is none.
    told: Option<Option<String>>,
    failures: u32,
    quiet: bool,
}

impl Consul {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// [`ConsulError::Address`] or [`ConsulError::Token`].
    pub fn new(mut options: ConsulOptions) -> Result<Self, ConsulError> {
        options.wait = options.wait.min(LONGEST_WAIT);
        let address = &options.address;
        let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
        let host = host.unwrap_or_default();
        if host.trim_end_matches('/').is_empty() || host.contains(['?', '#', '@', ' ']) {
            return Err(ConsulError::Address(options.address));
        }
        let header = |token: &Secret| {
            let mut header = HeaderValue::from_str(token.text()).map_err(|_| ConsulError::Token)?;
            header.set_sensitive(true);
            Ok(header)
        };
        let token = options.token.as_ref().map(header).transpose()?;
        // Agents are in the cluster: no proxy leads to them.
        let mut agent = pilotlight_http_client::agent(host).proxy(None);
        if address.starts_with("https://") {
            agent = agent.tls_config(tls());
        }
        let agent = agent.build().new_agent();
        Ok(Self { options, agent, token, index: 0, told: None, failures: 0, quiet: false })
    }

    /// Asks once; waits on the other side until something changes or the time for it is over.
    ///
    /// # Errors
    /// [`ConsulError`]; what was known stays, and the next call asks again. [`Consul::pause`] says
    /// when.
    pub fn wait(&mut self) -> Result<Change, ConsulError> {
        let answer = self.ask();
        self.quiet = matches!(answer, Ok(Change::Unchanged));
        self.failures = if answer.is_ok() { 0 } else { self.failures.saturating_add(1) };
        answer
    }

    /// Pause before the next query: doubled after each failure, up to 30 s.
    pub fn pause(&self) -> Duration {
        match (self.failures, self.quiet) {
            (0, false) => Duration::ZERO,
            (0, true) => PAUSE,
            (failures, _) => {
                let doubled = 1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
                PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
            }
        }
    }

    fn ask(&mut self) -> Result<Change, ConsulError> {
        let request = self.agent.get(self.url());
        let mut request = request.config().timeout_global(Some(self.patience())).build();
        if let Some(token) = &self.token {
            request = request.header("X-Consul-Token", token);
        }
        let mut response = request.call().map_err(|error| self.unreachable(&error))?;
        let found = match response.status().as_u16() {
            200 => Some(self.text(&mut response)?),
            404 => None,
            status => return Err(self.refused(status)),
        };
        self.follow(&response)?;
        if self.told.as_ref() == Some(&found) {
            return Ok(Change::Unchanged);
        }
        self.told = Some(found.clone());
        Ok(found.map_or(Change::Absent, Change::Text))
    }

    /// How long to wait for an answer.
    fn patience(&self) -> Duration {
        let wait = self.options.wait;
        match self.index {
            0 => PATIENCE,
            // Consul adds up to a sixteenth to the wait, so that not all come at once.
            _ => wait + wait / 16 + PATIENCE,
        }
    }

    fn url(&self) -> String {
        let address = self.options.address.trim_end_matches('/');
        let (key, index) = (encoded(&self.options.key), self.index);
        let wait = self.options.wait.as_millis();
        format!("{address}/v1/kv/{key}?raw=true&index={index}&wait={wait}ms")
    }

    fn text(&self, response: &mut Response<ureq::Body>) -> Result<String, ConsulError> {
        let body = response.body_mut().with_config().limit(LONGEST);
        let bytes = body.read_to_vec().map_err(|error| self.unreachable(&error))?;
        let key = || self.options.key.clone();
        String::from_utf8(bytes).map_err(|_| ConsulError::NotText { key: key() })
    }

    /// Takes over what to wait for next: an index that goes backwards says that the data was
    /// restored and everything has to be read again; one of 0 would not wait at all.
    fn follow(&mut self, response: &Response<ureq::Body>) -> Result<(), ConsulError> {
        let index = response.headers().get("X-Consul-Index").and_then(|value| value.to_str().ok());
        let index = index.and_then(|text| text.parse::<u64>().ok());
        let address = || self.options.address.clone();
        let index = index.ok_or_else(|| ConsulError::NoIndex { address: address() })?;
        self.index = if index < self.index { 0 } else { index.max(1) };
        Ok(())
    }

    fn unreachable(&self, error: &ureq::Error) -> ConsulError {
        let address = self.options.address.clone();
        ConsulError::Unreachable { address, reason: error.to_string() }
    }

    fn refused(&self, status: u16) -> ConsulError {
        let hint = match status {
            401 | 403 => "; the token in CONSUL_HTTP_TOKEN may not read it",
            500..=599 => "; trying again",
            _ => "",
        };
        let (address, key) = (self.options.address.clone(), self.options.key.clone());
        ConsulError::Refused { address, key, status, hint }
    }
}
