//! Colors with a contrast of at least 4.5 to their background that color-blind readers can distinguish;
//! dashes distinguish the lines without colors.

/// The number of series with a color of their own.
pub(super) const COLORS: usize = 6;

const LIGHT: [&str; COLORS] = ["#0062b1", "#b84300", "#007352", "#9b3583", "#705600", "#4a5563"];
const DARK: [&str; COLORS] = ["#58a6ff", "#ff9e4d", "#3fd3a0", "#f09ad8", "#e3c04b", "#b6bfca"];
const DASHES: [&str; COLORS] = ["none", "8 3", "3 2", "9 3 2 3", "1 2", "12 3"];

const SHAPE: &str = "svg{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;\
    font-size:12px}\
    .heading{font-size:17px;font-weight:600}.title{font-size:13px;font-weight:600}\
    .middle{text-anchor:middle}.end{text-anchor:end}\
    .line{fill:none;stroke-width:2;stroke-linejoin:round}.thin{stroke-width:1.1}\
    .area{fill-opacity:.14;stroke-width:1.6;stroke-linejoin:round}\
    .hollow{fill:none;stroke-width:2}.grid,.frame{fill:none;stroke-width:1}";

/// The style sheet of all plots.
pub(super) fn sheet() -> String {
    let light = scheme(&LIGHT, ["#1f2328", "#59636e", "#e4e8ec", "#a8b1bb"]);
    let dark = scheme(&DARK, ["#e6edf3", "#9ba5b0", "#2b323b", "#5a6470"]);
    let dashes = DASHES.iter().enumerate();
    let dashes: String =
        dashes.map(|(n, dash)| format!(".dash{n}{{stroke-dasharray:{dash}}}")).collect();
    format!("{SHAPE}{dashes}{light}@media (prefers-color-scheme: dark){{{dark}}}")
}

fn scheme(series: &[&str], [text, dim, grid, frame]: [&str; 4]) -> String {
    let colors = series.iter().enumerate();
    let colors: String = colors
        .map(|(n, color)| format!(".stroke{n}{{stroke:{color}}}.fill{n}{{fill:{color}}}"))
        .collect();
    format!(
        "text{{fill:{text}}}.dim{{fill:{dim}}}.grid{{stroke:{grid}}}.frame{{stroke:{frame}}}{colors}"
    )
}
