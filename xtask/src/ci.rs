//! What is missing: said aloud on a developer's machine, an error in CI.

/// Whether this is CI, where nothing may be skipped: the variable `CI` is set.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// What was found. `None`, said aloud with `what` is skipped, where it was not; an error in CI.
pub(crate) fn or_skipped<T>(what: &str, found: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_ci() => Err(error),
        Err(error) => {
            eprintln!("skipped: {what} ({error:#})");
            Ok(None)
        }
    }
}
