//! Which format a scraper wants (RFC 9110, 12.5.1).

/// A format that metrics are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus's text, 0.0.4.
    Text,
    /// OpenMetrics, 1.0.0.
    OpenMetrics,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that `accept` prefers; the text when it says nothing that we understand.
    pub(crate) fn negotiate(accept: &str) -> Self {
        let (mut open_metrics, mut text) = (0.0_f32, None::<f32>);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let value = |name: &str| {
                let found =
                    parameters.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.trim().trim_matches('"'))
            };
            let quality = value("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match &media_type[..] {
                "application/openmetrics-text"
                    if matches!(value("version"), None | Some("1.0.0")) =>
                {
                    open_metrics = open_metrics.max(quality);
                }
                "text/plain" => text = Some(text.unwrap_or(0.0).max(quality)),
                _ => {}
            }
        }
        let preferred = open_metrics > 0.0 && open_metrics >= text.unwrap_or(0.0);
        if preferred { Self::OpenMetrics } else { Self::Text }
    }
}
