//! Values of flags.

/// Bytes: a number, or a number and KiB, MiB or GiB.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    text.parse().or_else(|_| pilotlight_config::size(text))
}
