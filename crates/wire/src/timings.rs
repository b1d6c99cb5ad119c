use std::time::Duration;

/// Names of the headers, in milliseconds with fractions.
const TOKENIZATION: &str = "x-tokenization-time";
const INFERENCE: &str = "x-inference-time";
const TOTAL: &str = "x-total-time";

/// Times that a guest tells in the headers of its response; the host puts them into metrics and
/// traces. A time that is not told is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GuestTimings {
    /// Text to tokens.
    pub tokenization: Option<Duration>,
    /// The model.
    pub inference: Option<Duration>,
    /// Time from the request to its response.
    pub total: Option<Duration>,
}

impl GuestTimings {
    /// Names of all headers.
    pub const HEADERS: [&str; 3] = [TOTAL, TOKENIZATION, INFERENCE];

    /// The headers that tell these times: names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let told =
            [(TOKENIZATION, self.tokenization), (INFERENCE, self.inference), (TOTAL, self.total)];
        told.into_iter().filter_map(|(name, time)| Some((name, milliseconds(time?))))
    }

    /// Reads the headers that `get` returns by their names; ignores what is not a time.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let time = |name| {
            let milliseconds: f64 = get(name)?.parse().ok()?;
            Duration::try_from_secs_f64(milliseconds / 1e3).ok()
        };
        Self { tokenization: time(TOKENIZATION), inference: time(INFERENCE), total: time(TOTAL) }
    }
}

fn milliseconds(time: Duration) -> String {
    // Without floating point, whose formatting would take kilobytes of a guest.
    // Nor 128 bits.
    let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    format!("{}.{:03}", microseconds / 1000, microseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_writes_the_host_reads() {
        let times = GuestTimings {
            tokenization: Some(Duration::from_micros(42)),
            inference: None,
            total: Some(Duration::from_millis(7)),
        };
        let headers: Vec<_> = times.headers().collect();
        assert_eq!(headers.len(), 2);
        let get = |name: &str| {
            headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(GuestTimings::read(get), times);
    }

    #[test]
    fn what_is_not_a_time_is_ignored() {
        for text in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(GuestTimings::read(|_| Some(text)), GuestTimings::default(), "{text}");
        }
    }
}
