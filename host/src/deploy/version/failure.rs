//! Why a request got no answer from the function, what is answered instead, and how often that was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderValue, Response, StatusCode, header};
use pilotlight_sandbox::{CpuTimeExceeded, DeadlinePassed, NoInstance, OutOfMemory, guest_error};
use pilotlight_telemetry::ErrorKind;
use serde::{Serialize, Serializer};
use wasmtime::Trap;

use crate::deploy::admission::NotAdmitted;
use crate::deploy::sessions::TooManySessions;
use crate::request::Body;

/// Reasons why a request got no response from the function.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    NotAdmitted(#[from] NotAdmitted),
    #[error("{0}")]
    TooManySessions(#[from] TooManySessions),
    #[error("the request body exceeds {limit} bytes")]
    BodyTooLong { limit: usize },
    #[error("{}", guest_error::told(.0))]
    Broken(#[from] wasmtime::Error),
}

/// Kinds of failures, as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The queue was full.
    QueueFull,
    /// The time in the queue exceeded the deadline, or would have exceeded it.
    QueueDeadline,
    /// No instance became available in time.
    NoInstance,
    /// The function took too long.
    Timeout,
    /// The request exceeded its CPU time.
    CpuTime,
    /// The instance exceeded its memory limit, and failed.
    OutOfMemory,
    /// The function's stack overflowed.
    StackOverflow,
    /// The function panicked or aborted.
    Panic,
    /// The function trapped otherwise.
    Trap,
    /// The function ended without a response, or could not be called.
    NoResponse,
    /// The response was aborted.
    HalfResponse,
    /// The request body exceeded its limit.
    BodyTooLong,
    /// The client disconnected before the response.
    Disconnected,
}

impl FailureKind {
    const ALL: [Self; 13] = [
        Self::QueueFull,
        Self::QueueDeadline,
        Self::NoInstance,
        Self::Timeout,
        Self::CpuTime,
        Self::OutOfMemory,
        Self::StackOverflow,
        Self::Panic,
        Self::Trap,
        Self::NoResponse,
        Self::HalfResponse,
        Self::BodyTooLong,
        Self::Disconnected,
    ];

    pub(super) fn of(error: &wasmtime::Error) -> Self {
        if error.is::<NoInstance>() {
            Self::NoInstance
        } else if error.is::<DeadlinePassed>() {
            Self::Timeout
        } else if error.is::<CpuTimeExceeded>() {
            Self::CpuTime
        } else if error.is::<OutOfMemory>() {
            Self::OutOfMemory
        } else {
            match error.downcast_ref::<Trap>() {
                Some(Trap::StackOverflow) => Self::StackOverflow,
                Some(Trap::UnreachableCodeReached) => Self::Panic,
                Some(_) => Self::Trap,
                None => Self::NoResponse,
            }
        }
    }

    /// Whether the request has come to no instance.
    pub(super) fn is_of_the_queue(self) -> bool {
        matches!(self, Self::QueueFull | Self::QueueDeadline | Self::NoInstance)
    }

    /// Whether the function was never asked.
    pub(super) fn is_refusal(self) -> bool {
        matches!(self, Self::QueueFull | Self::QueueDeadline | Self::BodyTooLong)
    }

    fn is_crash(self) -> bool {
        matches!(
            self,
            Self::CpuTime
                | Self::OutOfMemory
                | Self::StackOverflow
                | Self::Panic
                | Self::Trap
                | Self::NoResponse
                | Self::HalfResponse
        )
    }
}

impl From<FailureKind> for ErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::QueueFull => Self::QueueFull,
            FailureKind::QueueDeadline | FailureKind::NoInstance => Self::Overloaded,
            FailureKind::Timeout => Self::Timeout,
            FailureKind::CpuTime => Self::Cpu,
            FailureKind::OutOfMemory => Self::OutOfMemory,
            FailureKind::StackOverflow => Self::StackOverflow,
            FailureKind::Panic => Self::Panic,
            FailureKind::Trap => Self::Trap,
            FailureKind::NoResponse => Self::NoResponse,
            FailureKind::HalfResponse => Self::HalfResponse,
            FailureKind::BodyTooLong => Self::TooLarge,
            FailureKind::Disconnected => Self::Disconnected,
        }
    }
}

impl Failure {
    pub(super) fn is_crash(&self) -> bool {
        matches!(self, Self::Broken(error) if is_crash(error))
    }

    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::NotAdmitted(NotAdmitted::QueueFull { .. }) | Self::TooManySessions(_) => {
                FailureKind::QueueFull
            }
            Self::NotAdmitted(NotAdmitted::TooLate { .. }) => FailureKind::QueueDeadline,
            Self::BodyTooLong { .. } => FailureKind::BodyTooLong,
            Self::Broken(error) => FailureKind::of(error),
        }
    }

    /// What the client is told: nothing of the inside.
    pub(super) fn response(&self) -> Response<Body> {
        const BUSY: &str = "the function is busy; try again later";
        let overloaded = (StatusCode::SERVICE_UNAVAILABLE, "overloaded", BUSY);
        let (status, error_type, error) = match self.kind() {
            kind if kind.is_of_the_queue() => overloaded,
            FailureKind::Timeout | FailureKind::CpuTime => (
                StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "the function took too long; send less at once",
            ),
            FailureKind::BodyTooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "the body is too long; send less at once",
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the function failed; the server's log has the reason",
            ),
        };
        let mut response = Body::refusal(status, error_type, error);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = match self {
                Self::NotAdmitted(refused) => refused.retry_after(),
                _ => 1,
            };
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Whether the function is to blame, and not the load, the client or what computes for it.
pub(super) fn is_crash(error: &wasmtime::Error) -> bool {
    match error.downcast_ref::<DeadlinePassed>() {
        Some(passed) => passed.at_work,
        None => FailureKind::of(error).is_crash(),
    }
}

/// How often a version failed, by kind.
#[derive(Debug, Default)]
pub(crate) struct Failures([AtomicU64; FailureKind::ALL.len()]);

impl Failures {
    pub(super) fn count(&self, kind: FailureKind) {
        if let Some(counter) = self.0.get(kind as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn status(&self) -> FailureCounts {
        let count = |kind: FailureKind| self.0[kind as usize].load(Ordering::Relaxed);
        FailureCounts(FailureKind::ALL.map(|kind| (kind, count(kind))).into())
    }
}

/// Number of failures of a version since it was loaded, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureCounts(BTreeMap<FailureKind, u64>);

impl FailureCounts {
    /// Number of failures of this kind.
    pub fn get(&self, kind: FailureKind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// All kinds, also those that did not happen.
    pub fn iter(&self) -> impl Iterator<Item = (FailureKind, u64)> + '_ {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
}

impl Serialize for FailureCounts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter().filter(|(_, count)| *count > 0))
    }
}
