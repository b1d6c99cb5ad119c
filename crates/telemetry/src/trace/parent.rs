use std::fmt;

use super::id::{SpanId, TraceId, read_hex};

/// `00-` and 32, 16 and 2 digits with dashes between them.
const LENGTH: usize = 55;

/// The request is recorded by whom it comes from.
const SAMPLED: u8 = 1;
/// The trace's last 7 bytes are random (level 2).
const RANDOM: u8 = 2;

/// The value of a `traceparent` header (W3C Trace Context level 2, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The span that the request comes from.
    pub span: SpanId,
    /// Whether its sender records it.
    pub sampled: bool,
    /// Whether the trace's last 7 bytes are random.
    pub random: bool,
}

impl TraceParent {
    /// Reads a header's value. Of versions that are not known yet the part that this one has is
    /// read, and flags that it has not are dropped, as level 2 says (3.2.4, 3.2.2.5). `None` when
    /// it is not valid: the trace begins anew.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (head, rest) = value.split_at_checked(LENGTH)?;
        let mut version = [0];
        read_hex(&head[..2], &mut version)?;
        let whole = match version[0] {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        if !whole || [2, 35, 52].iter().any(|dash| head[*dash] != b'-') {
            return None;
        }
        let (mut trace, mut span, mut flags) = ([0; 16], [0; 8], [0]);
        read_hex(&head[3..35], &mut trace)?;
        read_hex(&head[36..52], &mut span)?;
        read_hex(&head[53..], &mut flags)?;
        Some(Self {
            trace: TraceId::new(trace)?,
            span: SpanId::new(span)?,
            sampled: flags[0] & SAMPLED != 0,
            random: flags[0] & RANDOM != 0,
        })
    }

    /// The flags as they are sent.
    pub(crate) fn flags(self) -> u8 {
        (u8::from(self.sampled) * SAMPLED) | (u8::from(self.random) * RANDOM)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags())
    }
}
