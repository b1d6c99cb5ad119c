//! Numbers as text for people.

/// A time in milliseconds with three digits and the unit that suits it.
pub(crate) fn time(ms: f64) -> String {
    let (value, unit) = scaled(ms);
    format!("{} {unit}", digits(value))
}

/// A time in milliseconds without trailing zeros, for the ticks of an axis.
pub(crate) fn tick(ms: f64) -> String {
    let (value, unit) = scaled(ms);
    format!("{} {unit}", short(value))
}

/// A time that may be unknown.
pub(crate) fn time_or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".to_owned(), time)
}

/// Three significant digits, or the whole number when it has more.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A number without trailing zeros; thousands and millions are abbreviated.
pub(crate) fn short(value: f64) -> String {
    let (value, suffix) = match value.abs() {
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.3}");
    format!("{}{suffix}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A size in bytes with the binary unit that suits it.
pub(crate) fn size(bytes: f64) -> String {
    match bytes {
        b if b >= 1_073_741_824.0 => format!("{} GiB", digits(b / 1_073_741_824.0)),
        b if b >= 1_048_576.0 => format!("{} MiB", digits(b / 1_048_576.0)),
        b if b >= 1024.0 => format!("{} KiB", digits(b / 1024.0)),
        b => format!("{b:.0} B"),
    }
}

fn scaled(ms: f64) -> (f64, &'static str) {
    // The bounds are where three digits would round up to the next unit.
    match ms {
        v if v >= 999.5 => (v / 1e3, "s"),
        v if v >= 0.9995 || v == 0.0 => (v, "ms"),
        v => (v * 1e3, "µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_and_a_fitting_unit() {
        let texts = [0.0501, 0.9994, 1.0, 12.34, 123.4, 999.9, 61_000.0].map(time);
        assert_eq!(
            texts,
            ["50.1 µs", "999 µs", "1.00 ms", "12.3 ms", "123 ms", "1.00 s", "61.0 s"]
        );
    }

    #[test]
    fn ticks_have_no_trailing_zeros() {
        assert_eq!([0.05, 2.0, 2500.0].map(tick), ["50 µs", "2 ms", "2.5 s"]);
        assert_eq!([500.0, 20_000.0, 1.5e6].map(short), ["500", "20k", "1.5M"]);
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!([512.0, 2048.0, 3_145_728.0].map(size), ["512 B", "2.00 KiB", "3.00 MiB"]);
    }
}
