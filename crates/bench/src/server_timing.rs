//! The `server-timing` response header (W3C Server-Timing).

use std::time::Duration;

use http::HeaderMap;

use crate::error::Result;
use crate::histogram::Latencies;
use crate::report::{Part, Parts};

/// How a request got its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The instance was ready.
    Ready,
    /// The instance was created while the request waited.
    Inline,
}

/// The header of one response.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Timing {
    pub(crate) instantiate: Option<Duration>,
    pub(crate) wait: Option<Duration>,
    pub(crate) guest: Option<Duration>,
    pub(crate) source: Option<Source>,
}

impl Timing {
    /// Ignores unknown metrics and invalid parts of the header.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut timing = Self::default();
        for value in headers.get_all("server-timing") {
            for metric in split(value.to_str().ok()?, ',') {
                timing.take(metric);
            }
        }
        (timing != Self::default()).then_some(timing)
    }

    fn take(&mut self, metric: &str) {
        let mut fields = split(metric, ';').map(str::trim);
        let name = fields.next().unwrap_or_default();
        let (mut took, mut description) = (None, None);
        for (key, value) in fields.filter_map(|field| field.split_once('=')) {
            match key.trim() {
                "dur" => took = value.trim().trim_matches('"').parse().ok().and_then(from_ms),
                "desc" => description = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        match name {
            "instantiate" => self.instantiate = took,
            "guest" => self.guest = took,
            "wait" => {
                self.wait = took;
                self.source = match description {
                    Some("ready") => Some(Source::Ready),
                    Some("inline") => Some(Source::Inline),
                    _ => None,
                };
            }
            _ => {}
        }
    }
}

fn from_ms(ms: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(ms / 1e3).ok()
}

/// Splits outside of double quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// The headers of all responses.
pub(crate) struct PartTimes {
    answers: u64,
    instantiate: Latencies,
    wait: Latencies,
    guest: Latencies,
    ready: u64,
    inline: u64,
}

impl PartTimes {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            answers: 0,
            instantiate: Latencies::new()?,
            wait: Latencies::new()?,
            guest: Latencies::new()?,
            ready: 0,
            inline: 0,
        })
    }

    pub(crate) fn record(&mut self, timing: &Timing) {
        self.answers += 1;
        let Timing { instantiate, wait, guest, source } = timing;
        for (times, took) in
            [(&mut self.instantiate, instantiate), (&mut self.wait, wait), (&mut self.guest, guest)]
        {
            took.iter().for_each(|took| times.record(*took));
        }
        self.ready += u64::from(*source == Some(Source::Ready));
        self.inline += u64::from(*source == Some(Source::Inline));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.answers += other.answers;
        self.instantiate.merge(&other.instantiate);
        self.wait.merge(&other.wait);
        self.guest.merge(&other.guest);
        self.ready += other.ready;
        self.inline += other.inline;
    }

    pub(crate) fn report(&self) -> Option<Parts> {
        (self.answers > 0).then(|| Parts {
            answers: self.answers,
            instantiate: part(&self.instantiate),
            wait: part(&self.wait),
            guest: part(&self.guest),
            ready: self.ready,
            inline: self.inline,
        })
    }
}

fn part(times: &Latencies) -> Option<Part> {
    (times.len() > 0)
        .then(|| Part { median_ms: times.quantile_ms(0.5), p99_ms: times.quantile_ms(0.99) })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn timing(header: &'static str) -> Option<Timing> {
        let mut headers = HeaderMap::new();
        headers.insert("server-timing", HeaderValue::from_static(header));
        Timing::from_headers(&headers)
    }

    #[test]
    fn the_three_parts_and_the_source_are_read() {
        let read = timing("instantiate;dur=0.25, wait;dur=1.5;desc=\"inline\" , guest;dur=2");
        let expected = Timing {
            instantiate: Some(Duration::from_micros(250)),
            wait: Some(Duration::from_micros(1500)),
            guest: Some(Duration::from_millis(2)),
            source: Some(Source::Inline),
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn unknown_and_invalid_metrics_are_ignored() {
        assert_eq!(timing("cache;desc=\"a, wait;dur=1\";dur=3"), None);
        assert_eq!(timing("guest;dur=-1, wait;dur=x"), None);
        let read = timing("db;dur=53,wait;desc=ready").unwrap();
        assert_eq!((read.wait, read.source), (None, Some(Source::Ready)));
    }
}
