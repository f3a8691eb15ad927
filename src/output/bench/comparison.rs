//! Two load tests beside each other.

use bayeux::bench::report::comparison::Compared;
use bayeux::bench::report::figures;

use super::super::paint::Role;
use super::super::surface::Surface;
use super::lines::Lines;

/// A row for each value, with the second by the first.
pub(in crate::output) fn comparison(
    names: [&str; 2],
    compared: &[Compared],
    surface: &Surface,
) -> String {
    let mut lines = Lines::new(surface);
    for (letter, name) in ["A", "B"].into_iter().zip(names) {
        lines.push(lines.bare().push(Role::Dim, letter).plain("  ").plain(name));
    }
    lines.gap();
    let shown = |it: &Compared, value: Option<f64>| {
        value.map_or("-".to_owned(), |value| it.metric.show(value))
    };
    let width = |column: fn(&Compared) -> Option<f64>| {
        let widths = compared.iter().map(|it| shown(it, column(it)).len());
        widths.max().unwrap_or(0).max(1)
    };
    let label = compared
        .iter()
        .map(|it| it.metric.name.len())
        .max()
        .unwrap_or(0);
    let first = label + 3 + width(|it| it.a);
    let second = first + 3 + width(|it| it.b);
    let third = second + 9;
    let head = lines.bare().push(Role::Dim, "metric");
    let head = head
        .right(first, Role::Dim, "A")
        .right(second, Role::Dim, "B");
    lines.push(head.right(third, Role::Dim, "B/A"));
    for it in compared {
        let ratio = it.ratio().map_or("-".to_owned(), |it| match it {
            it if it < 1000.0 => format!("{it:.2}"),
            it => figures::number(it),
        });
        let line = lines
            .bare()
            .plain(it.metric.name)
            .right(first, Role::Plain, &shown(it, it.a))
            .right(second, Role::Plain, &shown(it, it.b))
            .right(third, Role::Number, &ratio);
        lines.push(line);
    }
    lines.end()
}
