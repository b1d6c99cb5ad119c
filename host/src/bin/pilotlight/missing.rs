//! Files that a configuration names and that do not exist here.

use pilotlight_config::{Diagnostic, Sources};

use crate::labels::environments;

/// Keys of files and folders that are created if they do not exist.
const MADE: [&str; 2] = ["cache-dir", "admin.socket"];

/// Files and folders of every environment, or of the one that `sources` names, that do not exist.
/// The configuration may be for another machine.
pub(crate) fn warnings(text: &str, sources: &Sources) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for environment in environments(text, sources) {
        let sources = Sources { environment, ..sources.clone() };
        let Ok(parsed) = pilotlight_config::parse(text, &sources) else { continue };
        for (key, path) in parsed.config.paths() {
            if MADE.contains(&key.as_str()) || path.exists() {
                continue;
            }
            let message = format!("{} does not exist on this machine", path.display());
            let warning = parsed.source_map.diagnostic(&key, message);
            if !found.contains(&warning) {
                found.push(warning);
            }
        }
    }
    found
}
