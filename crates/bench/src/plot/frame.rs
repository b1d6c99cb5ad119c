use super::style::COLORS;
use super::svg::{Svg, WIDTH, text_width};

const MARGIN: f64 = 20.0;
const LEGEND_TOP: f64 = 74.0;
const LEGEND_LINE: f64 = 18.0;
const SWATCH: f64 = 26.0;

const LONGEST_NAME: usize = 60;
const LONGEST_HEADING: usize = 70;

/// A plot with heading and legend; the panels are drawn below.
pub(super) struct Page {
    pub(super) svg: Svg,
    title: String,
    top: f64,
}

impl Page {
    /// `names` are the names of the targets, `entries` the legend.
    pub(super) fn new(subject: &str, scenario: &str, names: &[&str], entries: &[&str]) -> Self {
        let mut svg = Svg::default();
        let all = names.join(", ");
        let heading = match subject {
            _ if all.chars().count() <= LONGEST_HEADING => format!("{subject}: {all}"),
            _ => format!("{subject} of {} targets", names.len()),
        };
        svg.text((MARGIN, 30.0), "heading", &heading);
        svg.text((MARGIN, 50.0), "dim", scenario);
        let bottom = legend(&mut svg, entries);
        Self { svg, title: format!("{subject}: {all}; {scenario}"), top: bottom + 40.0 }
    }

    /// The top of the panels; their titles are above it.
    pub(super) fn top(&self) -> f64 {
        self.top
    }

    pub(super) fn finish(self, bottom: f64) -> String {
        self.svg.finish(bottom, &self.title)
    }
}

/// Draws the legend in as many lines as necessary; returns its bottom.
fn legend(svg: &mut Svg, names: &[&str]) -> f64 {
    let (mut x, mut y) = (MARGIN, LEGEND_TOP);
    for (index, name) in names.iter().enumerate() {
        let shown = shortened(name);
        let width = SWATCH + 8.0 + text_width(&shown) + 18.0;
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LEGEND_LINE);
        }
        let color = index % COLORS;
        svg.line((x, y - 4.0), (x + SWATCH, y - 4.0), &format!("line stroke{color} dash{color}"));
        svg.circle((x + SWATCH / 2.0, y - 4.0), 3.5, &format!("fill{color}"));
        svg.text((x + SWATCH + 8.0, y), "", &shown);
        x += width;
    }
    y
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}
