//! Descriptions of scenarios for tables and titles.

use super::{ScenarioRecord, StartRecord, StreamRecord};
use crate::format::short;
use crate::load::{Load, Protocol};

impl ScenarioRecord {
    /// A description with the load.
    pub fn describe(&self) -> String {
        let kind = match self.load {
            Load::Open { .. } => "open loop",
            Load::Closed { .. } => "closed loop",
        };
        format!("{kind}, {}, {}", self.load.label(), self.describe_without_load())
    }

    /// A description without the load.
    pub fn describe_without_load(&self) -> String {
        let protocol = match self.http {
            Protocol::Http1 => "HTTP/1.1",
            Protocol::Http2 => "HTTP/2",
        };
        let rounds = match self.rounds {
            1 => String::new(),
            rounds => format!(" in {rounds} rounds"),
        };
        format!("{} s{rounds}, {protocol} {}", short(self.duration_s), self.method)
    }
}

impl StartRecord {
    /// The number of starts.
    pub fn describe(&self) -> String {
        format!(
            "from exec to the first response, {} starts each, {} discarded before",
            self.starts, self.discarded
        )
    }
}

impl StreamRecord {
    /// How audio was sent, and for how long.
    pub fn describe(&self) -> String {
        let Self { protocol, duration_s, frame_ms, speed, .. } = self;
        let pace = if *speed == 1.0 { String::new() } else { format!(" at {}x", short(*speed)) };
        let (seconds, frame) = (short(*duration_s), short(*frame_ms));
        format!("frames of {frame} ms in real time{pace} over {protocol}, {seconds} s each")
    }
}
