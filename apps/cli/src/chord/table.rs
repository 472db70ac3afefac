//! Columns for people.

use std::iter;

/// Rows of cells, the first of which is the head.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
    sides: [Side; N],
}

/// Where the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: [(&str, Side); N]) -> Self {
        Self {
            rows: vec![head.map(|(title, _)| title.to_owned())],
            sides: head.map(|(_, side)| side),
        }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The table without a last line break.
    pub(super) fn text(&self) -> String {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in iter::zip(&mut widths, row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let lines = self.rows.iter().map(|row| {
            let cells = row.iter().zip(widths).zip(self.sides);
            let cells = cells.map(|((cell, width), side)| match side {
                Side::Left => format!("{cell:<width$}"),
                Side::Right => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([("n", Side::Right), ("name", Side::Left)]);
        table.row(["10".into(), "a".into()]);
        table.row(["7".into(), "bcdefg".into()]);
        assert_eq!(table.text(), " n  name\n10  a\n 7  bcdefg");
    }
}
