use std::time::Duration;

use clap::Args;

use super::values::{parse_seconds, parse_size};

/// What sessions may take: requests that are answered while they are read, and WebSockets.
#[derive(Args)]
pub(super) struct SessionArgs {
    /// Sessions that may go on at once; further ones are answered 503. Each has an instance of its
    /// own, besides --max-instances
    #[arg(long, default_value_t = 256, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_sessions: u32,
    /// Longest silence of a client in a session, in seconds
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = parse_seconds)]
    session_idle: Duration,
    /// Most bytes of a session that have come and are not computed yet, or a number and KiB, MiB or
    /// GiB; a session that falls further behind is told so and closed
    #[arg(long, default_value = "1MiB", value_name = "SIZE", value_parser = parse_size)]
    session_behind: u64,
    /// Longest session, in seconds
    #[arg(long, default_value = "14400", value_name = "SECONDS", value_parser = parse_seconds)]
    session_length: Duration,
    /// Longest time that what has come of a session waits to be computed, in seconds
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = parse_seconds)]
    session_patience: Duration,
}

impl SessionArgs {
    /// Sets what a function is run with.
    pub(super) fn apply(&self, function: &mut pilotlight::FunctionOptions) {
        function.max_sessions = self.max_sessions;
        function.session.idle = self.session_idle;
        function.session.behind = usize::try_from(self.session_behind).unwrap_or(usize::MAX);
        function.session.length = self.session_length;
        function.session.patience = self.session_patience;
    }
}
