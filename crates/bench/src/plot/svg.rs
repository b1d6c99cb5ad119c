use std::fmt::Write as _;

use super::style;

pub(super) const WIDTH: f64 = 860.0;

/// The width of a letter at 12 px: more than in any common system font, so that nothing overlaps.
const LETTER: f64 = 6.8;

/// A point from the upper left corner, in pixels.
pub(super) type Point = (f64, f64);

/// A plot under construction. The classes of the style sheet define its appearance.
#[derive(Default)]
pub(super) struct Svg(String);

// Writing to a string cannot fail.
impl Svg {
    pub(super) fn text(&mut self, (x, y): Point, class: &str, content: &str) {
        let content = escape(content);
        let _ =
            writeln!(self.0, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{content}</text>");
    }

    pub(super) fn line(&mut self, (x1, y1): Point, (x2, y2): Point, class: &str) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        );
    }

    /// A line through the points.
    pub(super) fn path(&mut self, points: &[Point], class: &str) {
        if points.is_empty() {
            return;
        }
        let mut d = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        }
        let _ = writeln!(self.0, "<path d=\"{d}\" class=\"{class}\"/>");
    }

    pub(super) fn rect(&mut self, (x, y): Point, (width, height): Point, class: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             class=\"{class}\"/>"
        );
    }

    pub(super) fn circle(&mut self, (x, y): Point, radius: f64, class: &str) {
        let _ = writeln!(
            self.0,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" class=\"{class}\"/>"
        );
    }

    /// The complete file. Screen readers read `title`, and browsers show it as a tooltip.
    pub(super) fn finish(self, height: f64, title: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">\n<title>{}</title>\n\
             <style>{}</style>\n{}</svg>\n",
            escape(title),
            style::sheet(),
            self.0
        )
    }
}

/// The width of a text of normal size.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

/// Escapes text for XML, which does not allow control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
