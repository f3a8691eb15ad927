//! A chart as SVG: lines over two axes. It has a title and a description for those who do not
//! see it, its colours are the page's, and it needs no script.

use std::fmt::Write;

use super::axis::Axis;
use crate::markup::escaped;

/// A chart.
pub(super) struct Chart {
    /// Its name in the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What is seen in it, in a sentence.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    /// Parts that are set apart.
    pub(super) shade: Option<Shade>,
    /// What is told about a part when the mouse is on it.
    pub(super) hints: Vec<Hint>,
}

/// A line. Its points are values on the axes; where there is none the line has a gap.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<Option<(f64, f64)>>,
}

/// The part right of a value.
pub(super) struct Shade {
    pub(super) from: f64,
    pub(super) text: &'static str,
}

pub(super) struct Hint {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) text: String,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 34.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 58.0;
/// Labels that are closer than this, as a part of the axis, would touch.
const LEAST_GAP: f64 = 0.1;
/// The same on a narrow screen, where letters are larger in proportion.
const LEAST_GAP_NARROW: f64 = 0.19;

impl Chart {
    /// The chart with its legend.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        let (id, title) = (self.id, self.title);
        let description = escaped(&self.description);
        let _ = write!(
            out,
            "<figure>\n<figcaption><h3>{title}</h3>{}</figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>\n",
            self.legend()
        );
        self.axes(&mut out);
        self.shade(&mut out);
        for (n, line) in self.lines.iter().enumerate() {
            self.line(&mut out, n, line);
        }
        for Hint { from, to, text } in &self.hints {
            let (from, to) = (self.at_x(*from), self.at_x(*to));
            let (width, height) = (to - from, HEIGHT - TOP - BOTTOM);
            let text = escaped(text);
            let _ = writeln!(
                out,
                "<rect class=\"hint\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" \
                 height=\"{height}\"><title>{text}</title></rect>"
            );
        }
        out.push_str("</svg>\n</figure>\n");
        out
    }

    /// The names of the lines, where there is more than one.
    fn legend(&self) -> String {
        if self.lines.len() < 2 {
            return String::new();
        }
        let mut out = "<ul class=\"legend\">".to_owned();
        for (n, Line { name, .. }) in self.lines.iter().enumerate() {
            let _ = write!(
                out,
                "<li><svg viewBox=\"0 0 28 8\" width=\"28\" height=\"8\" aria-hidden=\"true\">\
                 <path class=\"line l{n}\" d=\"M1 4H27\"/></svg>{name}</li>"
            );
        }
        out + "</ul>"
    }

    fn axes(&self, out: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in &self.y.ticks {
            let y = bottom - tick.at * (bottom - TOP);
            let (text, x) = (&tick.text, LEFT - 8.0);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
                 <text class=\"end\" x=\"{x}\" y=\"{y:.1}\" dy=\".32em\">{text}</text>"
            );
        }
        for (tick, visibility) in self.x.ticks.iter().zip(visibilities(&self.x)) {
            let x = LEFT + tick.at * (right - LEFT);
            let _ = writeln!(out, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>");
            if let Some(class) = visibility {
                let (text, y) = (&tick.text, bottom + 22.0);
                let _ = writeln!(
                    out,
                    "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\">{text}</text>"
                );
            }
        }
        let _ = writeln!(out, "<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/>");
        let middle = (LEFT + right) / 2.0;
        let _ = writeln!(
            out,
            "<text class=\"name\" x=\"{middle}\" y=\"{}\">{}</text>\
             <text class=\"name start\" x=\"4\" y=\"16\">{}</text>",
            HEIGHT - 10.0,
            self.x.label,
            self.y.label
        );
    }

    fn shade(&self, out: &mut String) {
        let Some(Shade { from, text }) = &self.shade else {
            return;
        };
        let x = self.at_x(*from);
        let (width, height) = (WIDTH - RIGHT - x, HEIGHT - TOP - BOTTOM);
        let _ = writeln!(
            out,
            "<rect class=\"shade\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\">\
             <title>{text}</title></rect>"
        );
    }

    fn line(&self, out: &mut String, n: usize, line: &Line) {
        let mut path = String::new();
        for piece in line.points.split(|it| it.is_none()) {
            let points = piece
                .iter()
                .flatten()
                .map(|(x, y)| (self.at_x(*x), self.at_y(*y)));
            let mut command = 'M';
            for (x, y) in points.clone() {
                let _ = write!(path, "{command}{x:.1} {y:.1}");
                command = 'L';
            }
            // A point without neighbours is no line.
            if let (Some((x, y)), 1) = (points.clone().next(), piece.len()) {
                let _ = writeln!(
                    out,
                    "<circle class=\"dot l{n}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"
                );
            }
        }
        let _ = writeln!(out, "<path class=\"line l{n}\" d=\"{path}\"/>");
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + self.x.position(value) * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, value: f64) -> f64 {
        let bottom = HEIGHT - BOTTOM;
        bottom - self.y.position(value) * (bottom - TOP)
    }
}

/// Which labels of the horizontal axis are shown: none that would touch another one; those
/// with the class `wide` not on narrow screens. Rather the later ones than the first.
fn visibilities(axis: &Axis) -> Vec<Option<&'static str>> {
    let mut shown = Vec::new();
    let (mut last, mut last_narrow) = (f64::MAX, f64::MAX);
    for tick in axis.ticks.iter().rev() {
        let class = if last_narrow - tick.at >= LEAST_GAP_NARROW {
            (last, last_narrow) = (tick.at, tick.at);
            Some("middle")
        } else if last - tick.at >= LEAST_GAP {
            last = tick.at;
            Some("middle wide")
        } else {
            None
        };
        shown.push(class);
    }
    shown.reverse();
    shown
}
