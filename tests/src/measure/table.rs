//! A table for people and for docs/performance.md.

use std::fmt;

/// A Markdown table whose columns line up, the first to the left and the others to the right.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    #[must_use]
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self {
            rows: vec![headings.map(str::to_owned).into()],
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        for (at, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                match column {
                    0 => write!(f, "| {cell:<width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
            if at == 0 {
                let rule = |column| match column {
                    0 => format!("|:{:-<1$}|", "", width(column) + 1),
                    _ => format!("{:-<1$}:|", "", width(column) + 1),
                };
                writeln!(f, "{}", (0..row.len()).map(rule).collect::<String>())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["what", "ns"]);
        table.row(["a µ".to_owned(), "1234".to_owned()]);
        assert_eq!(
            table.to_string(),
            "| what |   ns |\n|:-----|-----:|\n| a µ  | 1234 |\n"
        );
    }
}
