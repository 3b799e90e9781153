//! Tables of text: columns side by side, a line a row, no rules between.
//!
//! Lives here: how they are laid out. Does not: what is in them, which is harmless text already.

use std::fmt::Write;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table as Layout, presets};

use unicode_width::UnicodeWidthStr;

use super::look::{Look, Style};
use crate::text::shortened;

/// Columns between two columns of a table.
const GAP: u16 = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    kind: Kind,
}

/// What a column holds, and so whether it can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Names, which are cut where there is no room for all.
    Text,
    /// Words of ours.
    Word,
    /// Aligned to the right.
    Number,
}

impl Column {
    /// A column of names, which may be cut.
    pub(super) const fn text(title: &'static str) -> Self {
        Self { title, kind: Kind::Text }
    }

    /// A column of short words.
    pub(super) const fn word(title: &'static str) -> Self {
        Self { title, kind: Kind::Word }
    }

    /// A column of numbers.
    pub(super) const fn number(title: &'static str) -> Self {
        Self { title, kind: Kind::Number }
    }
}

/// Least that is left of a column of names before a table is given up.
const LEAST: usize = 8;

/// A row, and its style.
type Styled = (Option<Style>, Vec<String>);

/// A table with its heads; each row has a style of its own. On a terminal that is too narrow for it, a block a row.
pub(super) fn table(look: Look, columns: &[Column], rows: &[Styled]) -> String {
    if look.cut && least(columns, rows) > look.columns {
        return rows.iter().map(|row| block(look, columns, row)).collect();
    }
    let mut layout = Layout::new();
    layout.load_preset(presets::NOTHING).set_truncation_indicator("…");
    let arrangement = if look.cut { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    // The last column's gap hangs over the edge, and is trimmed.
    let width = u16::try_from(look.columns).unwrap_or(u16::MAX).saturating_add(GAP);
    layout.set_content_arrangement(arrangement).set_width(width);
    layout.set_header(line(columns, columns.iter().map(|column| column.title.to_owned())));
    layout.add_rows(rows.iter().map(|(_, cells)| line(columns, cells.iter().cloned())));
    for (column, of) in layout.column_iter_mut().zip(columns) {
        column.set_padding((0, GAP));
        if of.kind != Kind::Text {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text = String::new();
    let styles = [Some(Style::Title)].into_iter().chain(rows.iter().map(|(style, _)| *style));
    for (row, style) in layout.lines().zip(styles) {
        let row = row.trim_end();
        let row = style.map_or_else(|| row.to_owned(), |style| look.paint(style, row));
        writeln!(text, "{row}").expect("a string takes any text");
    }
    text
}

/// The least columns that a table takes.
fn least(columns: &[Column], rows: &[Styled]) -> usize {
    let widest = |at: usize| rows.iter().map(|(_, cells)| cells[at].width()).max().unwrap_or_default();
    let of = |(at, column): (usize, &Column)| {
        let width = widest(at).max(column.title.width());
        if column.kind == Kind::Text { width.min(LEAST) } else { width }
    };
    columns.iter().enumerate().map(of).sum::<usize>() + usize::from(GAP) * columns.len().saturating_sub(1)
}

/// A row without a table: what it is of, and below it the rest, each with its head.
fn block(look: Look, columns: &[Column], (style, cells): &Styled) -> String {
    let mut lines = vec![shortened(&cells[0], look.columns)];
    let mut below = String::new();
    for (column, cell) in columns.iter().zip(cells).skip(1) {
        let piece = shortened(&format!("{} {cell}", column.title), look.columns - usize::from(GAP));
        if !below.is_empty() && below.width() + piece.width() + 2 * usize::from(GAP) > look.columns {
            lines.push(format!("  {}", std::mem::take(&mut below)));
        }
        below.push_str(if below.is_empty() { "" } else { "  " });
        below.push_str(&piece);
    }
    lines.push(format!("  {below}"));
    let paint = |line: &String| style.map_or_else(|| line.clone(), |style| look.paint(style, line)) + "\n";
    lines.iter().map(paint).collect()
}

fn line(columns: &[Column], cells: impl Iterator<Item = String>) -> Row {
    let align = |kind| if kind == Kind::Number { CellAlignment::Right } else { CellAlignment::Left };
    let cells = columns.iter().zip(cells).map(|(column, text)| Cell::new(text).set_alignment(align(column.kind)));
    let mut row = Row::from(cells.collect::<Vec<Cell>>());
    row.max_height(1);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::text("NAME"), Column::word("ID"), Column::number("CALLS")];

    fn sample(look: Look, name: &str) -> String {
        let row = |name: &str, calls: &str| vec![name.to_owned(), "8e8c4e5571a7".to_owned(), calls.to_owned()];
        table(look, &COLUMNS, &[(None, row(name, "83")), (Some(Style::Bad), row("b", "104"))])
    }

    #[test]
    fn columns_stand_side_by_side() {
        let expected = "NAME  ID            CALLS\nweb   8e8c4e5571a7     83\nb     8e8c4e5571a7    104\n";
        assert_eq!(sample(Look::PLAIN, "web"), expected);
        assert_eq!(sample(Look::on_terminal(80), "web"), expected);
    }

    #[test]
    fn a_long_name_is_cut_on_a_terminal_alone() {
        let name = "a name of many words ".repeat(10);
        assert!(sample(Look::PLAIN, name.trim()).contains(name.trim()));
        for columns in [40, 60, 80, 200] {
            for name in [&name, &"x".repeat(300), &"漢".repeat(300)] {
                let text = sample(Look::on_terminal(columns), name);
                assert_eq!(text.lines().count(), 3, "{text}");
                assert!(text.lines().all(|line| line.width() <= columns), "{text}");
                assert!(text.contains('…') && text.contains("8e8c4e5571a7     83"), "{text}");
            }
        }
    }

    #[test]
    fn where_a_table_does_not_fit_each_row_is_a_block() {
        let columns = ["IMAGE", "RECORDED", "NOTHING NEW", "LOSSES"].map(Column::number);
        let columns = [&[Column::text("NAME")], &columns[..]].concat();
        let row = ["web", &"i".repeat(60), "1h 2m 3s", "12 windows", "-"].map(str::to_owned).to_vec();
        let text = table(Look::on_terminal(40), &columns, &[(None, row.clone())]);
        let image = format!("IMAGE {}…", "i".repeat(31));
        assert_eq!(text, format!("web\n  {image}\n  RECORDED 1h 2m 3s\n  NOTHING NEW 12 windows  LOSSES -\n"));
        assert_eq!(table(Look::PLAIN, &columns, &[(None, row)]).lines().count(), 2);
    }

    #[test]
    fn a_row_is_painted_whole() {
        let text = sample(Look { colour: true, ..Look::PLAIN }, "web");
        let escapes: Vec<bool> = text.lines().map(|line| line.starts_with('\u{1b}') && line.ends_with("[0m")).collect();
        assert_eq!(escapes, [true, false, true]);
    }
}
