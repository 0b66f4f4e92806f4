//! Tables whose columns are as wide as what is in them.

use std::io::{self, Write};

/// On which side of its column something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column: its heading, and how its cells stand.
pub type Column = (&'static str, Align);

/// A table in the making.
#[derive(Debug)]
pub struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. Without headings at all, none are printed.
    #[must_use]
    pub fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Whether the table has these columns.
    #[must_use]
    pub fn has(&self, columns: &'static [Column]) -> bool {
        self.columns == columns
    }

    /// Adds a row of one cell a column.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Puts the rows in order of `key`, which is given a row's cells.
    pub fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&[String]) -> K) {
        self.rows.sort_by_key(|row| key(row));
    }

    /// The cells of the first column, without its heading.
    #[must_use]
    pub fn first(&self) -> Vec<&str> {
        self.rows
            .iter()
            .filter_map(|row| row.first().map(String::as_str))
            .collect()
    }

    /// Writes the table.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let headings: Vec<String> = self.columns.iter().map(|c| c.0.to_owned()).collect();
        let headed = headings.iter().any(|heading| !heading.is_empty());
        let rows = headed.then_some(&headings).into_iter().chain(&self.rows);
        let mut widths = vec![0; self.columns.len()];
        for row in rows.clone() {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in rows {
            let mut line = String::new();
            for (((_, align), cell), width) in self.columns.iter().zip(row).zip(&widths) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                let padding = " ".repeat(width - cell.chars().count());
                match align {
                    Align::Left => line.extend([cell.as_str(), &padding]),
                    Align::Right => line.extend([&padding, cell.as_str()]),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
