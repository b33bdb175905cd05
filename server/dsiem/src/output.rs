//! How the tools speak: results on standard output, progress on standard error.

use std::io::Write as _;

use anyhow::Context as _;

/// The result, for whoever or whatever reads standard output.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

/// Progress, for a person.
pub(crate) fn tell(text: &str) {
    // Where standard error is closed, nobody wants to know.
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Whether a column has words or numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Begins where the others of the column begin.
    Words,
    /// Ends where the others of the column end.
    Number,
}

/// Rows of as many cells as there are columns, with two blanks between them.
pub(crate) fn table<const N: usize>(columns: [Column; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).zip(columns).map(|((cell, width), column)| match column {
            Column::Words => format!("{cell:<width$}"),
            Column::Number => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_and_numbers_end_in_one_line() {
        let rows = [["née", "7"], ["be-10", "1200"], ["", ""]].map(|row| row.map(str::to_owned));
        let text = table([Column::Words, Column::Number], &rows);
        assert_eq!(text, "née       7\nbe-10  1200\n\n");
    }
}
