//! Tables, lists and figures as pages show them.

use std::fmt::Write as _;

/// The page that `write` writes.
pub(super) fn page(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page);
    page
}

/// Milliseconds with three significant digits and a suitable unit.
pub(super) fn ms(milliseconds: f64) -> String {
    match milliseconds {
        time if time < 1.0 => format!("{:.0} µs", time * 1e3),
        time if time < 10.0 => format!("{time:.2} ms"),
        time if time < 100.0 => format!("{time:.1} ms"),
        time => format!("{time:.0} ms"),
    }
}

/// Mebibytes without decimals.
pub(super) fn mib(mebibytes: f64) -> String {
    format!("{mebibytes:.0} MiB")
}

/// The head of a table.
pub(super) fn table_head(page: &mut String, columns: &[&str]) -> std::fmt::Result {
    writeln!(page, "\n| {} |\n|{}", columns.join(" | "), " --- |".repeat(columns.len()))
}

/// One row of a table.
pub(super) fn table_row(page: &mut String, cells: &[String]) -> std::fmt::Result {
    writeln!(page, "| {} |", cells.join(" | "))
}

/// A plot and the command that repeats the measurement. Files of texts are shown without their
/// folder, which depends on the target folder.
pub(super) fn plot(page: &mut String, title: &str, file: &str, command: &str) -> std::fmt::Result {
    let words = command.split(' ').map(|word| match word.rsplit_once('/') {
        Some((_, file)) if file.ends_with(".jsonl") => file,
        _ => word,
    });
    let command = words.collect::<Vec<_>>().join(" ");
    writeln!(page, "\n![{title}](performance/{file}.svg)\n\n```sh\n{command}\n```")
}

/// A list of the compared programs, and a note if the run was a quick one.
pub(super) fn versions(
    page: &mut String,
    versions: &[(&'static str, String)],
    quick: bool,
) -> std::fmt::Result {
    for (name, version) in versions {
        writeln!(page, "- {name}: {version}")?;
    }
    quick_note(page, quick)
}

/// A note that the figures of a quick run are meaningless.
pub(super) fn quick_note(page: &mut String, quick: bool) -> std::fmt::Result {
    if quick {
        writeln!(
            page,
            "\n**A quick run, which only tries the commands. Its figures are meaningless.**"
        )?;
    }
    Ok(())
}
