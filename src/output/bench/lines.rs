//! Lines with a label each, and pieces in colours.

use unicode_width::UnicodeWidthStr;

use super::super::escape;
use super::super::paint::Role;
use super::super::surface::Surface;

/// The lines of a report.
pub(super) struct Lines<'a> {
    pub(super) surface: &'a Surface,
    text: String,
}

/// A line that is being written.
pub(super) struct Line<'a> {
    surface: &'a Surface,
    text: String,
    width: usize,
}

/// Columns of the labels.
pub(super) const LABEL: usize = 12;

impl<'a> Lines<'a> {
    pub(super) fn new(surface: &'a Surface) -> Self {
        let text = String::new();
        Self { surface, text }
    }

    /// A line that begins with a label, or with as much space.
    pub(super) fn labelled(&self, label: &str) -> Line<'a> {
        self.bare().push(Role::Dim, label).pad(LABEL)
    }

    /// A line without a label.
    pub(super) fn bare(&self) -> Line<'a> {
        Line {
            surface: self.surface,
            text: String::new(),
            width: 0,
        }
    }

    /// Takes a line.
    pub(super) fn push(&mut self, line: Line<'_>) {
        self.text.push_str(line.text.trim_end_matches(' '));
        self.text.push('\n');
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn end(self) -> String {
        self.text
    }
}

impl Line<'_> {
    /// A piece; nothing in it steers a terminal.
    pub(super) fn push(mut self, role: Role, text: &str) -> Self {
        if text.is_empty() {
            return self;
        }
        let text = escape::line(text);
        self.width += text.width();
        self.surface.paint.push(&mut self.text, role, &text);
        self
    }

    pub(super) fn plain(self, text: &str) -> Self {
        self.push(Role::Plain, text)
    }

    /// Space up to a column, two blanks at least where something stands there already.
    pub(super) fn pad(mut self, column: usize) -> Self {
        let n_blanks = match self.width {
            0 => column,
            width => column.saturating_sub(width).max(2),
        };
        self.width += n_blanks;
        self.text.push_str(&" ".repeat(n_blanks));
        self
    }

    /// A piece that ends at a column.
    pub(super) fn right(self, column: usize, role: Role, text: &str) -> Self {
        let begin = column.saturating_sub(text.width());
        let n_blanks = begin.saturating_sub(self.width);
        self.plain(&" ".repeat(n_blanks)).push(role, text)
    }

    /// `name n`, three blanks from what stands before; red where there should be none.
    pub(super) fn fault(self, name: &str, n: u64) -> Self {
        let role = if n > 0 { Role::Bad } else { Role::Plain };
        let count = bayeux::bench::report::figures::count(n);
        let name = if self.width == 0 {
            name
        } else {
            &format!("   {name}")
        };
        self.plain(name).plain(" ").push(role, &count)
    }
}
