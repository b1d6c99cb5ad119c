//! The reason of an error in one line.

/// An error with its causes; a cause that the message of the error contains is not repeated.
pub(crate) fn reason(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let source = || io::Error::from_raw_os_error(2);
        let error = pilotlight::Error::Io { path: "no-model".into(), source: source() };
        let error = anyhow::Error::new(error).context("not served");
        assert_eq!(reason(&error), "not served: no-model: No such file or directory (os error 2)");
        let error = anyhow::Error::new(source()).context("a").context("b");
        assert_eq!(reason(&error), "b: a: No such file or directory (os error 2)");
    }
}
