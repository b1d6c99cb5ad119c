use serde::{Deserialize, Serialize};

/// Reason why a host does not compute a call of `wasi:nn` now, and when to try again. It is sent as
/// JSON in the data of the error, because `wasi:nn` has no field for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TryLater {
    /// Cause.
    pub cause: TryLaterCause,
    /// Seconds after which to call again.
    pub retry_after: u32,
    /// Message for people.
    pub reason: String,
}

/// Cause of a call that is not computed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TryLaterCause {
    /// The queue is full.
    Busy,
    /// The isolated backend is being restarted.
    Restarting,
}

impl TryLater {
    /// The data of an error.
    pub fn to_data(&self) -> String {
        // None of its types provokes an error.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the data of an error; `None` if it is another one.
    pub fn from_data(data: &str) -> Option<Self> {
        serde_json::from_str(data).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_writes_the_guest_reads() {
        let later = TryLater {
            cause: TryLaterCause::Restarting,
            retry_after: 12,
            reason: "the process has ended; \"why\" is unknown".to_owned(),
        };
        assert_eq!(TryLater::from_data(&later.to_data()), Some(later));
    }

    #[test]
    fn other_errors_are_not_taken_for_it() {
        for data in ["", "busy", "{}", r#"{"cause": "tired", "retry_after": 1, "reason": ""}"#] {
            assert_eq!(TryLater::from_data(data), None, "{data}");
        }
    }
}
