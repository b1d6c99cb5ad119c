use std::time::Duration;

use clap::Args;

use super::values::parse_size;
use crate::compute::parse_seconds;

/// Limits of sessions: requests that are answered while they are read, and WebSockets.
#[derive(Args)]
pub(super) struct SessionArgs {
    /// Maximum number of concurrent sessions; further ones are answered with 503. Each session has
    /// an instance of its own, in addition to --max-instances
    #[arg(long, default_value_t = 256, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_sessions: u32,
    /// Maximum silence of a client in a session, in seconds
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = parse_seconds)]
    session_idle: Duration,
    /// Maximum size of the data of a session that has arrived and is not computed yet: bytes, or a
    /// number and KiB, MiB or GiB. A session that falls further behind is closed with an error
    #[arg(long, default_value = "1MiB", value_name = "SIZE", value_parser = parse_size)]
    session_behind: u64,
    /// Maximum length of a session, in seconds
    #[arg(long, default_value = "14400", value_name = "SECONDS", value_parser = parse_seconds)]
    session_length: Duration,
    /// Maximum time for which data of a session waits to be computed, in seconds
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = parse_seconds)]
    session_patience: Duration,
}

impl SessionArgs {
    /// Sets the session limits of a function.
    pub(super) fn apply(&self, function: &mut pilotlight::FunctionOptions) {
        function.max_sessions = self.max_sessions;
        function.session.idle = self.session_idle;
        function.session.behind = usize::try_from(self.session_behind).unwrap_or(usize::MAX);
        function.session.length = self.session_length;
        function.session.patience = self.session_patience;
    }
}
