//! Scenarios in words, for tables and titles.

use super::{ScenarioRecord, StartRecord};
use crate::protocol::Protocol;
use crate::scenario::Load;
use crate::units::short;

impl ScenarioRecord {
    /// The load and all that goes with it.
    pub fn describe(&self) -> String {
        let kind = match self.load {
            Load::Open { .. } => "open loop",
            Load::Closed { .. } => "closed loop",
        };
        format!("{kind}, {}, {}", self.load.label(), self.describe_but_load())
    }

    /// All but the load.
    pub fn describe_but_load(&self) -> String {
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
    /// How often each command was started.
    pub fn describe(&self) -> String {
        format!(
            "from exec to the first 200, {} starts each after {} that {} not counted",
            self.starts,
            self.discarded,
            if self.discarded == 1 { "is" } else { "are" }
        )
    }
}
