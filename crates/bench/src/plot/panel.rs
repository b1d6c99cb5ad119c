use super::axis::Axis;
use super::svg::{Point, Svg, text_width};

/// The minimum distance of labels. Ticks whose labels would be closer have none.
const BETWEEN_LABELS: f64 = 10.0;

/// A rectangle on the page, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A rectangle with a title above, and ticks below and on the left.
pub(super) struct Panel {
    pub(super) frame: Frame,
    pub(super) title: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Panel {
    /// Draws everything except the data.
    pub(super) fn draw(&self, svg: &mut Svg) {
        let Frame { left, top, width, height } = self.frame;
        let bottom = top + height;
        svg.text((left, top - 14.0), "title", self.title);
        for (value, name) in &self.y.ticks {
            let y = bottom - self.y.share(*value) * height;
            svg.line((left, y), (left + width, y), "grid");
            svg.text((left - 8.0, y + 4.0), "dim end", name);
        }
        let mut free_from = 0.0;
        for (value, name) in &self.x.ticks {
            let x = left + self.x.share(*value) * width;
            svg.line((x, top), (x, bottom), "grid");
            let half = text_width(name) / 2.0;
            if x - half >= free_from {
                svg.text((x, bottom + 17.0), "dim middle", name);
                free_from = x + half + BETWEEN_LABELS;
            }
        }
        svg.rect((left, top), (width, height), "frame");
        svg.text((left + width / 2.0, bottom + 36.0), "dim middle", self.x.label);
    }

    /// The position of a pair of values.
    pub(super) fn point(&self, x: f64, y: f64) -> Point {
        let Frame { left, top, width, height } = self.frame;
        (left + self.x.share(x) * width, top + height - self.y.share(y) * height)
    }
}
