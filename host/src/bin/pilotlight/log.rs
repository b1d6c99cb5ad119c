//! The log: level, format, and export.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use clap::ValueEnum;
use pilotlight_config as config;
use pilotlight_telemetry::{Otlp, json_lines};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Format of this process's log.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

/// Level and format of the log.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub(crate) level: LevelFilter,
    pub(crate) format: Format,
}

impl Log {
    /// Level and format in a configuration.
    pub(crate) fn of_config(telemetry: &config::Telemetry) -> Self {
        let level = match telemetry.log {
            config::Level::Off => LevelFilter::OFF,
            config::Level::Error => LevelFilter::ERROR,
            config::Level::Warn => LevelFilter::WARN,
            config::Level::Info => LevelFilter::INFO,
            config::Level::Debug => LevelFilter::DEBUG,
            config::Level::Trace => LevelFilter::TRACE,
        };
        let format = match telemetry.log_format {
            config::LogFormat::Text => Format::Text,
            config::LogFormat::Json => Format::Json,
        };
        Self { level, format }
    }

    /// Starts logging on standard error, and to a collector.
    pub(crate) fn start(self, otlp: Option<&Otlp>) {
        // A second start would be refused below.
        let _ = FORMAT.set(self.format);
        let text = (self.format == Format::Text).then(|| {
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_filter(self.level)
        });
        let json = (self.format == Format::Json)
            .then(|| json_lines(std::io::stderr).with_filter(self.level));
        let exported = otlp.map(|otlp| otlp.log_layer(self.level));
        tracing_subscriber::registry().with(text).with(json).with(exported).init();
    }
}

/// Flags with which a child process logs in the same way.
pub(crate) fn arguments() -> [String; 4] {
    let format = match FORMAT.get() {
        Some(Format::Json) => "json",
        Some(Format::Text) | None => "text",
    };
    let level = LevelFilter::current().to_string();
    ["--log".to_owned(), level, "--log-format".to_owned(), format.to_owned()]
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LevelFilter::INFO, format: Format::Text }
    }
}
